//! The connection diagram of one table: roles as boxes, rows as numbered arrows, and what is on no row
//! drawn where it does not belong.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::report::html::layout::{Layout, Route, Size, layout};
use crate::report::html::page::{Page, row_anchor};
use crate::report::model::{Finding, RowCoverage};
use crate::report::words::{count, shown};

/// Addresses without a role that get a box of their own; the rest share one.
const MAX_STRANGERS: usize = 8;
/// Letters a line of a box holds.
const LINE_LETTERS: usize = 20;
const BOX_WIDTH: f64 = 178.0;
const LINE_HEIGHT: f64 = 16.0;

/// A box: a role of the table, or somebody who fills none.
struct Node {
    name: String,
    roles: Vec<String>,
    /// Class of its look: `seen`, `unseen`, `unbound`, `stranger`.
    class: &'static str,
    hint: String,
}

/// An arrow: a row, or connections that no row documents.
struct Arrow<'a> {
    from: usize,
    to: usize,
    badge: String,
    class: String,
    href: String,
    hint: String,
    row: Option<&'a RowCoverage>,
}

/// The diagram of `rows` with `strays`, the findings drawn into it (their number in the report first).
pub fn diagram(page: &Page<'_>, table: &str, rows: &[&RowCoverage], strays: &[(usize, &Finding)]) -> Markup {
    let mut nodes: Vec<Node> = Vec::new();
    let mut arrows: Vec<Arrow<'_>> = Vec::new();
    for row in rows {
        let (Some(from), Some(to)) = (
            role_box(page, &mut nodes, &row.from, row.source.as_deref()),
            role_box(page, &mut nodes, &row.to, row.destination.as_deref()),
        ) else {
            continue;
        };
        arrows.push(Arrow {
            from,
            to,
            badge: format!("{} {}", shown(&row.row), mark(&row.status)),
            class: row.status.clone(),
            href: format!("#{}", row_anchor(page, table, &row.row)),
            hint: row_hint(row),
            row: Some(row),
        });
    }
    let known = nodes.len();
    stray_arrows(page, &mut nodes, &mut arrows, strays, known);
    if arrows.is_empty() {
        return html! { p.quiet { "No row of this table has two ends to draw." } };
    }
    let labels: Vec<Vec<String>> = nodes.iter().map(|node| wrapped(&node.name)).collect();
    let sizes: Vec<Size> = labels
        .iter()
        .map(|lines| Size { width: BOX_WIDTH, height: lines.len() as f64 * LINE_HEIGHT + 22.0 })
        .collect();
    let edges: Vec<(usize, usize)> = arrows.iter().map(|arrow| (arrow.from, arrow.to)).collect();
    let firm = arrows.iter().filter(|arrow| arrow.row.is_some()).count();
    let laid = layout(&sizes, &edges, firm);
    let (width, height) = (laid.width + 32.0, laid.height + 32.0);
    let title = format!(
        "Connection diagram of {table}: {} and {}",
        count(rows.len() as u64, "row"),
        count(nodes.len() as u64, "box").replace("boxs", "boxes")
    );
    html! {
        div.diagram tabindex="0" role="group" aria-label=(title) {
            svg viewBox=(format!("-16 -16 {width:.0} {height:.0}")) width=(format!("{width:.0}")) height=(format!("{height:.0}")) {
                title { (title) }
                (arrow_heads(table, page))
                @for (arrow, route) in arrows.iter().zip(&laid.routes) {
                    (drawn_arrow(page, table, arrow, route))
                }
                @for ((node, lines), place) in nodes.iter().zip(&labels).zip(&laid.boxes) {
                    g class={ "box " (node.class) } {
                        title { (node.hint) }
                        rect x=(p(place.x)) y=(p(place.y)) width=(p(place.width)) height=(p(place.height)) rx="7" {}
                        @let top = place.y + place.height / 2.0 - (lines.len() as f64 - 1.0) * LINE_HEIGHT / 2.0 + 4.5;
                        @for (at, line) in lines.iter().enumerate() {
                            text x=(p(place.x + place.width / 2.0)) y=(p(top + at as f64 * LINE_HEIGHT)) { (line) }
                        }
                    }
                }
                @for (arrow, route) in arrows.iter().zip(&laid.routes) {
                    (badge(arrow, route, &laid))
                }
            }
        }
        (legend(arrows.iter().any(|arrow| arrow.row.is_none())))
    }
}

fn p(figure: f64) -> String {
    format!("{figure:.1}")
}

/// The sign beside a row's number: colour never stands alone.
pub fn mark(status: &str) -> &'static str {
    match status {
        "seen" => "✓",
        "seen-with-deviation" => "!",
        "attempted-only" => "~",
        "not-seen" => "–",
        _ => "?",
    }
}

fn row_hint(row: &RowCoverage) -> String {
    let cell = |text: &Option<String>| shown(text.as_deref().unwrap_or("(blank)"));
    format!(
        "Row {}: {} to {}, {} {}: {}{}",
        shown(&row.row),
        shown(&row.from.join(" / ")),
        shown(&row.to.join(" / ")),
        cell(&row.protocol),
        cell(&row.port),
        row.status.replace('-', " "),
        row.why.as_deref().map_or_else(String::new, |why| format!(", {}", shown(why)))
    )
}

fn role_box(
    page: &Page<'_>,
    nodes: &mut Vec<Node>,
    roles: &[String],
    printed: Option<&str>,
) -> Option<usize> {
    let roles: Vec<String> = if roles.is_empty() { vec![printed?.to_owned()] } else { roles.to_vec() };
    if let Some(at) = nodes.iter().position(|node| node.roles == roles) {
        return Some(at);
    }
    let known: Vec<_> = roles.iter().filter_map(|name| page.role(name)).collect();
    let class = if known.iter().any(|role| role.seen) {
        "seen"
    } else if page.has_site() && !known.iter().any(|role| role.bound) {
        "unbound"
    } else {
        "unseen"
    };
    let addresses: Vec<&str> = known.iter().flat_map(|role| &role.addresses).map(String::as_str).collect();
    let said = match class {
        "seen" => "seen",
        "unbound" => "bound to no address by the site file",
        _ => "not seen",
    };
    let name = shown(&roles.join(" / "));
    nodes.push(Node {
        hint: format!("{name}: {said}. {}", shown(&addresses.join(", "))),
        name,
        roles,
        class,
    });
    Some(nodes.len() - 1)
}

/// Adds an arrow for each pair of boxes between which something undocumented went.
fn stray_arrows(
    page: &Page<'_>,
    nodes: &mut Vec<Node>,
    arrows: &mut Vec<Arrow<'_>>,
    strays: &[(usize, &Finding)],
    known: usize,
) {
    let mut pairs: BTreeMap<(usize, usize), Vec<(usize, &Finding)>> = BTreeMap::new();
    for &(number, finding) in strays {
        let from = end_box(page, nodes, &finding.initiator.roles, &finding.initiator.address, known);
        let to = end_box(page, nodes, &finding.responder.roles, &finding.responder.address, known);
        pairs.entry((from, to)).or_default().push((number, finding));
    }
    for ((from, to), findings) in pairs {
        let Some(&(first, example)) = findings.first() else { continue };
        let flows: u64 = findings.iter().map(|(_, finding)| finding.flows).sum();
        let worst = if findings.iter().any(|(_, finding)| finding.severity == "error") {
            "error"
        } else if findings.iter().any(|(_, finding)| finding.waived.is_none()) {
            "warning"
        } else {
            "waived"
        };
        let badge = match findings.len() {
            1 if worst == "waived" => format!("○ F{first}"),
            1 => format!("✕ F{first}"),
            many => format!("✕ F{first} +{}", many - 1),
        };
        arrows.push(Arrow {
            from,
            to,
            badge,
            class: format!("stray {worst}"),
            href: format!("#f{first}"),
            hint: format!(
                "On no row: {} over {}, such as {}",
                count(findings.len() as u64, "finding"),
                count(flows, "flow"),
                shown(&example.message)
            ),
            row: None,
        });
    }
}

fn end_box(page: &Page<'_>, nodes: &mut Vec<Node>, roles: &[String], address: &str, known: usize) -> usize {
    if !roles.is_empty() {
        let exact = nodes.iter().position(|node| node.roles == roles);
        let part = || nodes.iter().position(|node| roles.iter().any(|role| node.roles.contains(role)));
        if let Some(at) = exact.or_else(part) {
            return at;
        }
        if let Some(at) = role_box(page, nodes, roles, None) {
            return at;
        }
    }
    const REST: &str = "other addresses without a role";
    let address = shown(address);
    if let Some(at) = nodes.iter().position(|node| node.class == "stranger" && node.name == address) {
        return at;
    }
    let strangers = nodes.iter().skip(known).filter(|node| node.class == "stranger").count();
    let name = if strangers < MAX_STRANGERS { address } else { REST.to_owned() };
    if let Some(at) = nodes.iter().position(|node| node.class == "stranger" && node.name == name) {
        return at;
    }
    nodes.push(Node { hint: format!("{name}: fills no role"), name, roles: Vec::new(), class: "stranger" });
    nodes.len() - 1
}

fn wrapped(name: &str) -> Vec<String> {
    const MAX_LINES: usize = 4;
    let mut lines: Vec<String> =
        textwrap::wrap(name, LINE_LETTERS).into_iter().map(std::borrow::Cow::into_owned).collect();
    if lines.len() > MAX_LINES {
        lines.truncate(MAX_LINES);
        if let Some(last) = lines.last_mut() {
            last.push('…');
        }
    }
    lines
}

fn arrow_heads(table: &str, page: &Page<'_>) -> Markup {
    html! {
        defs {
            @for class in ["seen", "seen-with-deviation", "attempted-only", "not-seen", "not-observable", "error", "warning", "waived"] {
                marker id=(head_id(page, table, class)) class={ "head " (class) } viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto" {
                    path d="M0 0 10 5 0 10 2.5 5Z" {}
                }
            }
        }
    }
}

fn head_id(page: &Page<'_>, table: &str, class: &str) -> String {
    format!("h{}-{class}", page.table_number(table))
}

/// A smooth curve through the route's points, level at each of them.
fn curve(route: &Route) -> String {
    let mut path = String::new();
    let is_loop = matches!(route.points.as_slice(), [a, b, ..] if (a.0 - b.0).abs() < 0.01);
    let mut last: Option<(f64, f64)> = None;
    for &(x, y) in &route.points {
        match last {
            None => path.push_str(&format!("M{x:.1} {y:.1}")),
            Some((from_x, from_y)) if is_loop || (from_y - y).abs() < 0.5 => {
                let _ = (from_x, from_y);
                path.push_str(&format!("L{x:.1} {y:.1}"));
            }
            Some((from_x, from_y)) if route.points.len() == 3 => {
                // Two quarter turns: out of one box's side and back into another's.
                let (near, far) = if from_x < x { (x, x) } else { (from_x, from_x) };
                let (from_pull, to_pull) = if from_x < x { (from_y, from_y) } else { (y, y) };
                path.push_str(&format!("C{near:.1} {from_pull:.1} {far:.1} {to_pull:.1} {x:.1} {y:.1}"));
            }
            Some((from_x, from_y)) => {
                let bend = (x - from_x) * 0.5;
                path.push_str(&format!(
                    "C{:.1} {from_y:.1} {:.1} {y:.1} {x:.1} {y:.1}",
                    from_x + bend,
                    x - bend
                ));
            }
        }
        last = Some((x, y));
    }
    path
}

fn drawn_arrow(page: &Page<'_>, table: &str, arrow: &Arrow<'_>, route: &Route) -> Markup {
    let head = arrow.class.strip_prefix("stray ").unwrap_or(&arrow.class);
    html! {
        path class={ "arrow " (arrow.class) } d=(curve(route)) marker-end={ "url(#" (head_id(page, table, head)) ")" } {}
    }
}

/// The number of an arrow, as a link, near where the arrow begins.
fn badge(arrow: &Arrow<'_>, route: &Route, laid: &Layout) -> Markup {
    let Some(&(x, y)) = route.points.first() else { return html! {} };
    let width = arrow.badge.chars().count() as f64 * 6.6 + 12.0;
    let is_loop = matches!(route.points.as_slice(), [a, b, ..] if (a.0 - b.0).abs() < 0.01);
    let (left, middle) = if is_loop {
        let (_, y) = route.points.get(1).copied().unwrap_or((x, y));
        let centre = laid.boxes.get(arrow.from).map_or(x, |place| place.x + place.width / 2.0);
        (centre - width / 2.0, y)
    } else if route.is_back {
        (x - 8.0 - width, y)
    } else {
        (x + 8.0, y)
    };
    html! {
        a.badge.{ (arrow.class) } href=(arrow.href) aria-label=(arrow.hint) {
            title { (arrow.hint) }
            rect x=(p(left)) y=(p(middle - 9.0)) width=(p(width)) height="18" rx="9" {}
            text x=(p(left + width / 2.0)) y=(p(middle + 4.0)) { (arrow.badge) }
        }
    }
}

fn legend(has_strays: bool) -> Markup {
    let line = |class: &str| html! { svg width="34" height="10" aria-hidden="true" { path class={ "arrow " (class) } d="M1 5H33" {} } };
    html! {
        ul.legend aria-label="Legend" {
            li { (line("seen")) "✓ seen" }
            li { (line("seen-with-deviation")) "! seen with deviation" }
            li { (line("attempted-only")) "~ attempted only" }
            li { (line("not-seen")) "– not seen" }
            li { (line("not-observable")) "? not observable from here" }
            @if has_strays { li { (line("stray error")) "✕ on no row" } }
        }
    }
}
