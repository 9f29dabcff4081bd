//! Times as reports write them: RFC 3339 in UTC, with nanoseconds.

use crate::net::TimeNs;

/// `2026-11-20T21:09:00.000000001Z`.
pub fn rfc3339(time_ns: TimeNs) -> String {
    match jiff::Timestamp::from_nanosecond(i128::from(time_ns)) {
        Ok(time) => format!("{time:.9}"),
        // Every u64 of nanoseconds is before the year 2555, well inside what a timestamp holds.
        Err(_) => format!("{time_ns}ns"),
    }
}

/// The span between two times for a person: `4.2 s`, `12 min`, `3 h 20 min`.
pub fn span(first_ns: TimeNs, last_ns: TimeNs) -> String {
    let seconds = last_ns.saturating_sub(first_ns) as f64 / 1e9;
    if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1e3)
    } else if seconds < 120.0 {
        format!("{seconds:.1} s")
    } else if seconds < 7200.0 {
        format!("{:.0} min", seconds / 60.0)
    } else if seconds < 172_800.0 {
        format!("{} h {} min", (seconds / 3600.0) as u64, (seconds / 60.0) as u64 % 60)
    } else {
        format!("{:.1} days", seconds / 86_400.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_nine_decimals_and_reach_far() {
        assert_eq!(rfc3339(1), "1970-01-01T00:00:00.000000001Z");
        assert!(rfc3339(u64::MAX).starts_with("2554-07-21T"));
    }

    #[test]
    fn a_span_is_short_to_read() {
        assert_eq!(span(0, 250_000_000), "250 ms");
        assert_eq!(span(0, 4_200_000_000), "4.2 s");
        assert_eq!(span(0, 12_000_000_000_000), "3 h 20 min");
    }
}
