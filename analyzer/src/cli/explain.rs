//! `explain`: what a name means, or why one flow got its verdict.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use crate::audit::{Flow, Options};
use crate::cli::args::{CaptureArgs, ExplainArgs, Scope};
use crate::cli::load;
use crate::cli::output::{self, Done, Failure};
use crate::cli::{run, sandbox};
use crate::net::{Address, Endpoint, Transport};
use crate::policy::index::Policy;
use crate::policy::print;
use crate::policy::shipped;
use crate::policy::table::Table;
use crate::protocol;
use crate::report::explanation;
use crate::verdict::reason::{Note, Reason};

/// Runs the command.
///
/// # Errors
/// That the name means nothing, or that the flow is not in the captures.
pub fn run(args: &ExplainArgs) -> Done {
    let text = match five_tuple(&args.what) {
        Some(tuple) => flow(args, &tuple)?,
        None => name(args)?,
    };
    output::write(&text, None)?;
    Ok(true)
}

fn name(args: &ExplainArgs) -> Result<String, Failure> {
    let what = args.what.as_str();
    if let Some(reason) = Reason::from_name(what) {
        return Ok(explanation::entry(
            what,
            &format!("a reason, verdict {}", reason.verdict().name()),
            reason.manual(),
        ));
    }
    if let Some(note) = Note::ALL.into_iter().find(|note| note.name() == what) {
        return Ok(explanation::entry(what, "a note: it changes no verdict", note.manual()));
    }
    if let Some(probe) = protocol::by_name(what) {
        let transports: Vec<&str> = probe.transports().iter().map(|transport| transport.name()).collect();
        let kind = format!("a protocol, over {}", transports.join(" and "));
        return Ok(explanation::entry(
            what,
            &kind,
            &format!("{}\n\nProved by: {}", probe.title(), probe.proof()),
        ));
    }
    if let Some((table, row)) = what.rsplit_once(':') {
        let table = load::table(table, Path::new("."))?;
        let Some(found) = table.row(row).cloned() else {
            let rows: Vec<&str> = table.rows.iter().map(|row| row.id.as_str()).collect();
            return Err(Failure::Said(format!(
                "{}: expected a row ({}), found `{row}`",
                table.name,
                rows.join(", ")
            )));
        };
        let alone = Table { rows: vec![found], aliases: Vec::new(), skips: Vec::new(), ..table };
        return Ok(print::show(&alone, u16::try_from(output::columns(None)).unwrap_or(u16::MAX)));
    }
    Err(Failure::Said(unknown(what)))
}

fn unknown(what: &str) -> String {
    let mut known: Vec<&str> = Reason::ALL.into_iter().map(Reason::name).collect();
    known.extend(Note::ALL.into_iter().map(Note::name));
    known.extend(protocol::ALL.iter().map(|probe| probe.name()));
    known.extend(shipped::names());
    let near = crate::policy::mistake::nearest(what, known.into_iter());
    let mend = near.map_or(String::new(), |near| format!("; perhaps `{near}`"));
    format!(
        "expected a reason (wrong-port), a protocol (kafka), a row (genesys/info-mart:9) or a flow \
         (10.0.0.1:40000-10.0.0.2:5432/tcp), found `{what}`{mend}"
    )
}

/// Both ends and a transport; the transport may be left out.
struct FiveTuple {
    ends: [Endpoint; 2],
    transport: Option<Transport>,
}

/// `10.0.0.1:40000-10.0.0.2:5432/tcp`, `[::1]:5-[::2]:6`.
fn five_tuple(text: &str) -> Option<FiveTuple> {
    let (ends, transport) = match text.rsplit_once('/') {
        Some((ends, name)) => (ends, Some(Transport::from_name(name)?)),
        None => (text, None),
    };
    let (one, other) = ends.split_once('-')?;
    let end = |text: &str| -> Option<Endpoint> {
        let parsed: SocketAddr = text.trim().parse().ok()?;
        let ip: IpAddr = parsed.ip();
        Some(Endpoint { address: Address::from(ip), port: parsed.port() })
    };
    Some(FiveTuple { ends: [end(one)?, end(other)?], transport })
}

fn flow(args: &ExplainArgs, tuple: &FiveTuple) -> Result<String, Failure> {
    if args.captures.is_empty() {
        return Err(Failure::Said(format!(
            "{}: expected a capture that holds this flow, found none named",
            args.what
        )));
    }
    let policy: Arc<Policy> = Arc::new(load::policy(&args.policy)?);
    let judge_all = args.policy.scope == Scope::All;
    let capture = CaptureArgs {
        captures: args.captures.clone(),
        filter: None,
        threads: Some(1),
        separate: Vec::new(),
        max_flows: None,
        max_memory: None,
        no_sandbox: false,
    };
    // What of it does not hold is no part of an explanation.
    let _ = sandbox::enter(&capture, &[]);
    let options = Options { judge_all, keep_flows: true, ..run::options(&capture) };
    let read = run::read(&capture, &policy, options, false)?;
    let mut text = String::new();
    for flow in read.outcome.list.iter().filter(|flow| is_meant(flow, tuple)) {
        text.push_str(&explanation::flow(flow, &policy, &read.outcome.names, judge_all));
    }
    if text.is_empty() {
        return Err(Failure::Said(format!(
            "{}: expected a flow of the captures, found none with these ends",
            args.what
        )));
    }
    Ok(text)
}

fn is_meant(flow: &Flow, tuple: &FiveTuple) -> bool {
    let [one, other] = tuple.ends;
    let ends = flow.record.ends.0;
    (ends == [one, other] || ends == [other, one])
        && tuple.transport.is_none_or(|transport| transport == flow.record.transport)
}
