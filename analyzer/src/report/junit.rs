//! JUnit XML: a test case for each documented row and for each finding group, for build pipelines.
//!
//! Source: the format that Jenkins' xUnit plugin reads. A row fails where an unwaived departure that is not allowed
//! is nearest to it, and is skipped where it was not seen. A finding fails unless it is waived or undetermined.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use crate::report::model::{Finding, Report, RowCoverage};
use crate::report::words::shown;

enum Ended {
    Passed,
    Skipped(String),
    Failed { kind: String, why: String },
}

struct Case {
    name: String,
    ended: Ended,
}

/// The report as JUnit XML.
pub fn render(report: &Report) -> String {
    let mut suites: Vec<(String, Vec<Case>)> = report
        .tables
        .iter()
        .map(|table| {
            let rows = report.coverage.iter().filter(|row| row.table == table.name);
            (table.name.clone(), rows.map(|row| of_row(report, row)).collect())
        })
        .collect();
    suites.push(("findings".to_owned(), report.findings.iter().enumerate().map(of_finding).collect()));
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    // Nothing is written but into memory, which cannot fail.
    let _ = written(&mut writer, &suites);
    String::from_utf8(writer.into_inner()).unwrap_or_default() + "\n"
}

fn of_row(report: &Report, row: &RowCoverage) -> Case {
    let ends =
        |printed: &Option<String>, roles: &[String]| printed.clone().unwrap_or_else(|| roles.join(" / "));
    let name =
        format!("row {}: {} to {}", row.row, ends(&row.source, &row.from), ends(&row.destination, &row.to));
    let departure = report.findings.iter().find(|finding| {
        finding.waived.is_none()
            && finding.verdict == "not-allowed"
            && finding.nearest.first().is_some_and(|near| near.table == row.table && near.row == row.row)
    });
    let status = match &row.why {
        Some(why) => format!("{}: {why}", row.status),
        None => row.status.clone(),
    };
    let ended = match departure {
        Some(finding) => Ended::Failed { kind: finding.reason.clone(), why: finding.message.clone() },
        None if row.status.starts_with("seen") => Ended::Passed,
        None => Ended::Skipped(status),
    };
    Case { name, ended }
}

fn of_finding((at, finding): (usize, &Finding)) -> Case {
    let ended = match &finding.waived {
        Some(waived) => Ended::Skipped(format!(
            "waived until {} by {}: {}",
            waived.until.as_deref().unwrap_or("no end"),
            waived.owner,
            waived.because
        )),
        None if finding.verdict == "not-allowed" || finding.reason == "waiver-expired" => {
            Ended::Failed { kind: finding.reason.clone(), why: finding.message.clone() }
        }
        None => Ended::Skipped(format!("{}: {}", finding.reason, finding.message)),
    };
    Case { name: format!("F{}: {}", at + 1, finding.message), ended }
}

/// Text that XML can hold: besides control characters, U+FFFE and U+FFFF are no characters of it.
fn plain(text: &str) -> String {
    shown(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

fn written(writer: &mut Writer<Vec<u8>>, suites: &[(String, Vec<Case>)]) -> std::io::Result<()> {
    let all = || suites.iter().flat_map(|(_, cases)| cases);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let mut root = BytesStart::new("testsuites");
    root.push_attribute(("name", "uncharted"));
    counts(&mut root, all());
    writer.write_event(Event::Start(root))?;
    for (name, cases) in suites {
        let mut suite = BytesStart::new("testsuite");
        suite.push_attribute(("name", plain(name).as_str()));
        counts(&mut suite, cases.iter());
        let skipped = cases.iter().filter(|case| matches!(case.ended, Ended::Skipped(_))).count();
        suite.push_attribute(("skipped", skipped.to_string().as_str()));
        writer.write_event(Event::Start(suite))?;
        for case in cases {
            one(writer, name, case)?;
        }
        writer.write_event(Event::End(BytesEnd::new("testsuite")))?;
    }
    writer.write_event(Event::End(BytesEnd::new("testsuites")))
}

fn counts<'a>(start: &mut BytesStart<'_>, cases: impl Iterator<Item = &'a Case>) {
    let (mut tests, mut failures) = (0u64, 0u64);
    for case in cases {
        tests += 1;
        failures += u64::from(matches!(case.ended, Ended::Failed { .. }));
    }
    start.push_attribute(("tests", tests.to_string().as_str()));
    start.push_attribute(("failures", failures.to_string().as_str()));
    start.push_attribute(("errors", "0"));
}

fn one(writer: &mut Writer<Vec<u8>>, suite: &str, case: &Case) -> std::io::Result<()> {
    let mut start = BytesStart::new("testcase");
    start.push_attribute(("classname", plain(suite).as_str()));
    start.push_attribute(("name", plain(&case.name).as_str()));
    match &case.ended {
        Ended::Passed => writer.write_event(Event::Empty(start)),
        Ended::Skipped(why) => {
            writer.write_event(Event::Start(start))?;
            let mut skipped = BytesStart::new("skipped");
            skipped.push_attribute(("message", plain(why).as_str()));
            writer.write_event(Event::Empty(skipped))?;
            writer.write_event(Event::End(BytesEnd::new("testcase")))
        }
        Ended::Failed { kind, why } => {
            writer.write_event(Event::Start(start))?;
            let mut failure = BytesStart::new("failure");
            failure.push_attribute(("type", plain(kind).as_str()));
            failure.push_attribute(("message", plain(why).as_str()));
            writer.write_event(Event::Start(failure))?;
            writer.write_event(Event::Text(BytesText::new(&plain(why))))?;
            writer.write_event(Event::End(BytesEnd::new("failure")))?;
            writer.write_event(Event::End(BytesEnd::new("testcase")))
        }
    }
}
