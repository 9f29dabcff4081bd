//! Judging by index: the time a flow takes must not grow with rows, roles and prefixes.
//!
//! Each case has `n` rows between `n` roles, ten prefixes a role, and asks for the roles of both ends of a connection
//! and for the rows between them.

use std::hint::black_box;

use divan::Bencher;
use uncharted::net::{Address, TimeNs};
use uncharted::policy::index::{Known, NameBook, Policy};
use uncharted::policy::site::{Binding, Site};
use uncharted::policy::table::{Row, Table};

struct NoNames;

impl NameBook for NoNames {
    fn had_name(&self, _: Address, _: &str, _: TimeNs) -> bool {
        false
    }

    fn is_resolved(&self, _: &str, _: TimeNs) -> bool {
        false
    }
}

/// Prefixes of each role.
const PREFIXES: u32 = 10;

fn main() {
    divan::main();
}

fn policy(rows: usize) -> Option<Policy> {
    let table: Table = uncharted::policy::shipped::table("genesys/info-mart")?.ok()?;
    let pattern = table.rows.iter().find(|row| row.id == "5")?.clone();
    let name = |at: usize| format!("role {at}");
    let row = |at: usize| Row {
        id: at.to_string(),
        from: vec![name(at)],
        to: vec![name((at + 1) % rows)],
        ..pattern.clone()
    };
    let table = Table { rows: (0..rows).map(row).collect(), ..table };
    let bindings = |at: usize| {
        let networks = (0..PREFIXES).map(move |prefix| address(at, prefix));
        networks.map(|address| Binding { network: Some(address.ip().into()), ..Binding::default() })
    };
    let roles = (0..rows).map(|at| (name(at), bindings(at).collect())).collect();
    let site = Site { roles, ..Site::default() };
    Some(Policy::compile(vec![table], Some(site)))
}

fn address(role: usize, prefix: u32) -> Address {
    Address::v4(0x0a00_0000 + role as u32 * PREFIXES + prefix)
}

#[divan::bench(args = [10, 100, 1_000, 10_000])]
fn roles_and_rows(bencher: Bencher<'_, '_>, rows: usize) {
    let Some(policy) = policy(rows) else { return };
    let mut at = 0;
    bencher.bench_local(|| {
        at = (at + 7) % rows;
        let roles = |address| policy.roles_of(address, Known::default(), &NoNames, 0);
        let (from, to) = (roles(address(at, 3)), roles(address((at + 1) % rows, 4)));
        let between = from.iter().flat_map(|&from| to.iter().map(move |&to| (from, to)));
        black_box(between.map(|(from, to)| policy.rows_between(from, to).len()).sum::<usize>())
    });
}
