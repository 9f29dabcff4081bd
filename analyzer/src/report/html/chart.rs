//! Small charts as SVG: a bar in parts, and a histogram of times.

use maud::{Markup, html};

use crate::report::words::{grouped, microseconds};

/// A part of a bar: class of its colour, what it is, how many.
pub type Part<'a> = (&'a str, &'a str, u64);

/// A bar in parts, with a legend that says the figures; nothing where all are zero.
pub fn bar(parts: &[Part<'_>]) -> Markup {
    let total: u64 = parts.iter().map(|part| part.2).sum();
    let mut x = 0.0;
    html! {
        @if total > 0 {
            svg.bar viewBox="0 0 400 10" preserveAspectRatio="none" aria-hidden="true" {
                @for &(class, _, many) in parts.iter().filter(|part| part.2 > 0) {
                    @let width = many as f64 / total as f64 * 400.0;
                    rect class={ "fill-" (class) } x=(format!("{x:.2}")) y="0" height="10" width=(format!("{:.2}", (width - 1.5).max(1.0))) {}
                    @let _ = x += width;
                }
            }
        }
        ul.key {
            @for &(class, name, many) in parts {
                li.zero[many == 0] { i class={ "dot fill-" (class) } {} b { (grouped(many)) } " " (name) }
            }
        }
    }
}

/// A histogram of (upper bound in microseconds, count) over a logarithmic axis, two bars an octave.
pub fn histogram(buckets: &[(u64, u64)], label: &str) -> Markup {
    const HEIGHT: f64 = 34.0;
    const STEP: f64 = 7.0;
    let slot = |bound: u64| ((bound.max(1) as f64).log2() * 2.0).floor() as usize;
    let (low, high) = (
        buckets.iter().map(|bucket| slot(bucket.0)).min().unwrap_or(0).saturating_sub(2),
        buckets.iter().map(|bucket| slot(bucket.0)).max().unwrap_or(0) + 2,
    );
    let mut bars = vec![0u64; (high - low + 1).max(12)];
    for &(bound, count) in buckets {
        if let Some(bar) = bars.get_mut(slot(bound) - low) {
            *bar += count;
        }
    }
    let most = bars.iter().copied().max().unwrap_or(1).max(1) as f64;
    let width = bars.len() as f64 * STEP;
    let at = |slot: usize| microseconds(2f64.powf(slot as f64 / 2.0) as u64);
    html! {
        figure.histogram {
            svg viewBox=(format!("0 0 {width} {HEIGHT}")) width=(width) height=(HEIGHT) role="img" aria-label=(label) {
                title { (label) }
                line.axis x1="0" x2=(width) y1=(HEIGHT - 0.5) y2=(HEIGHT - 0.5) {}
                @for (place, &count) in bars.iter().enumerate().filter(|(_, count)| **count > 0) {
                    @let tall = (count as f64 / most * (HEIGHT - 3.0)).max(2.0);
                    rect x=(format!("{:.1}", place as f64 * STEP + 0.5)) y=(format!("{:.1}", HEIGHT - 1.0 - tall)) width=(STEP - 1.0) height=(format!("{tall:.1}")) {}
                }
            }
            figcaption { span { (at(low)) } span { (at(low + bars.len())) } }
        }
    }
}
