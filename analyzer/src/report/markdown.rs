//! Markdown for a pull request or a ticket: the answer, the findings, the rows.
//!
//! Source: GitHub Flavored Markdown. What a capture says stands escaped, so that it makes no link, mention or tag.

use std::fmt::Write;

use crate::report::model::{Finding, Report, RowCoverage};
use crate::report::words::{count, grouped, shown};

/// Findings of one kind that are listed; a ticket holds 64 KiB.
const MAX_LISTED: usize = 50;

/// The report as Markdown.
pub fn render(report: &Report) -> String {
    let mut text = String::new();
    head(&mut text, report);
    let open = |verdict: &str| -> Vec<(usize, &Finding)> {
        let of = report.findings.iter().enumerate();
        of.filter(|(_, finding)| finding.waived.is_none() && finding.verdict == verdict).collect()
    };
    section(&mut text, "Not allowed", &open("not-allowed"));
    section(&mut text, "Undetermined", &open("undetermined"));
    let waived: Vec<(usize, &Finding)> =
        report.findings.iter().enumerate().filter(|(_, finding)| finding.waived.is_some()).collect();
    section(&mut text, "Waived", &waived);
    rows(&mut text, report);
    text
}

fn head(text: &mut String, report: &Report) {
    let summary = &report.summary;
    let answer = match (summary.not_allowed, summary.undetermined) {
        (0, 0) if summary.flows == 0 => "⚠️ Nothing to judge: the capture holds no flow".to_owned(),
        (0, 0) => "✅ Every judged flow is documented".to_owned(),
        (0, some) => format!("⚠️ {} could not be decided", count(some, "flow")),
        (bad, _) => format!("❌ {} not allowed by the documents", count(bad, "flow")),
    };
    let seen: u64 =
        ["seen", "seen-with-deviation"].iter().filter_map(|status| summary.rows.get(*status)).sum();
    let all: u64 = summary.rows.values().sum();
    let _ = writeln!(text, "## {answer}\n");
    let _ = writeln!(
        text,
        "| flows | allowed | not allowed | undetermined | out of scope | waived | documented rows seen |"
    );
    let _ = writeln!(text, "|--:|--:|--:|--:|--:|--:|--:|");
    let _ = writeln!(
        text,
        "| {} | {} | {} | {} | {} | {} | {} of {} |\n",
        grouped(summary.flows),
        grouped(summary.allowed),
        grouped(summary.not_allowed),
        grouped(summary.undetermined),
        grouped(summary.out_of_scope),
        grouped(summary.waived),
        grouped(seen),
        grouped(all)
    );
    if report.mode == "port-only" {
        let _ = writeln!(
            text,
            "**Ports only**: without a site file a row allows any pair of addresses on its port.\n"
        );
    }
    for capture in &report.captures {
        let mut troubles = Vec::new();
        if let Some(stopped) = &capture.stopped {
            troubles.push(format!("reading stopped: {}", safe(stopped)));
        }
        if capture.truncated {
            troubles.push("ends inside a packet".to_owned());
        }
        if let Some(dropped @ 1..) = capture.dropped {
            troubles.push(format!("{} lost by the capturing host", count(dropped, "packet")));
        }
        if !troubles.is_empty() {
            let _ = writeln!(text, "- {}: {}", safe(&capture.path), troubles.join(", "));
        }
    }
}

fn section(text: &mut String, title: &str, findings: &[(usize, &Finding)]) {
    if findings.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n### {title}: {}\n", count(findings.len() as u64, "finding"));
    let _ = writeln!(text, "| | reason | what | flows | first frame |\n|--|--|--|--:|--:|");
    for (at, finding) in findings.iter().take(MAX_LISTED) {
        let mut what = safe(&finding.message);
        if let Some(waived) = &finding.waived {
            let until = waived.until.as_deref().unwrap_or("no end");
            what.push_str(&format!(
                "; waived until {} by {}: {}",
                safe(until),
                safe(&waived.owner),
                safe(&waived.because)
            ));
        }
        let frame = if finding.example.frame > 0 {
            format!("{}:{}", finding.example.capture, finding.example.frame)
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            "| F{} | **{}** {} | {what} | {} | {frame} |",
            at + 1,
            safe(&finding.reason),
            safe(&finding.severity),
            grouped(finding.flows)
        );
    }
    if findings.len() > MAX_LISTED {
        let _ = writeln!(text, "\nand {} more.", count((findings.len() - MAX_LISTED) as u64, "finding"));
    }
}

fn rows(text: &mut String, report: &Report) {
    for table in &report.tables {
        let rows: Vec<&RowCoverage> = report.coverage.iter().filter(|row| row.table == table.name).collect();
        let seen = rows.iter().filter(|row| row.status.starts_with("seen")).count();
        let _ = writeln!(
            text,
            "\n<details><summary>{}: {seen} of {} seen</summary>\n",
            safe(&table.name),
            count(rows.len() as u64, "documented row")
        );
        let _ = writeln!(
            text,
            "| row | source | destination | protocol | port | flows | status |\n|--|--|--|--|--|--:|--|"
        );
        for row in rows {
            let cell = |cell: &Option<String>| safe(cell.as_deref().unwrap_or(""));
            let why = row.why.as_deref().map_or_else(String::new, |why| format!(": {}", safe(why)));
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {}{why} |",
                safe(&row.row),
                cell(&row.source),
                cell(&row.destination),
                cell(&row.protocol),
                cell(&row.port),
                grouped(row.flows),
                safe(&row.status)
            );
        }
        text.push_str("\n</details>\n");
    }
}

/// Text that Markdown and HTML show as it is.
fn safe(text: &str) -> String {
    let mut safe = String::new();
    for letter in shown(text).chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '@' => safe.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '!' => {
                safe.push('\\');
                safe.push(letter);
            }
            other => safe.push(other),
        }
    }
    safe.replace("://", ":&#47;&#47;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_the_wire_makes_no_markup() {
        assert_eq!(safe("<b>|[x](http://y)@z"), "&lt;b&gt;\\|\\[x\\](http:&#47;&#47;y)&#64;z");
    }
}
