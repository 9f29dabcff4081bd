//! The program held against captures: what it says of them, end to end, through its command line.
//!
//! One binary for all of these tests: linking is what costs.

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod openings;
#[cfg(test)]
mod program;
#[cfg(test)]
mod protocol_captures;
#[cfg(test)]
mod report_shape;
#[cfg(test)]
mod shared_captures;
#[cfg(test)]
mod traffic;
#[cfg(test)]
mod verdicts;
