//! Writes a history as text: what the book keeps, what its digest covers, and what people read in a review.
//!
//! ```yaml
//! units:
//! - id: "payments"
//!   spans:
//!   - {until: 2026-07-01, name: "Payments", kind: "team", parent: "acme", aliases: ["pay"]}
//!   - {from: 2026-07-01, name: "Payments", kind: "team", parent: "platform", aliases: ["pay"]}
//! ```
//! Equal histories have equal bytes: units by id, spans by day, fields in one order, what is absent left out. One line per
//! span, so that a line of a diff is a change of a unit. `Org::from_yaml` reads it again.

use std::fmt::Write;

use leap_terms::{Period, TeamId};

use super::{Org, Span, Unit};

/// A text in double quotes, as YAML and JSON both read it.
fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            // YAML breaks lines at these, or does not take them as they are.
            '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => escaped(out, c),
            c if c.is_control() => escaped(out, c),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn escaped(out: &mut String, c: char) {
    out.push_str(&format!("\\u{:04x}", u32::from(c)));
}

/// The fields of one flow mapping.
struct Line<'t> {
    out: &'t mut String,
    first: bool,
}

impl Line<'_> {
    fn key(&mut self, key: &str) {
        if !self.first {
            self.out.push_str(", ");
        }
        self.first = false;
        self.out.push_str(key);
        self.out.push_str(": ");
    }

    fn text(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.key(key);
            quoted(self.out, text);
        }
    }

    fn texts<'s>(&mut self, key: &str, texts: impl ExactSizeIterator<Item = &'s str>) {
        if texts.len() == 0 {
            return;
        }
        self.key(key);
        for (at, text) in texts.enumerate() {
            self.out.push_str(if at == 0 { "[" } else { ", " });
            quoted(self.out, text);
        }
        self.out.push(']');
    }

    fn period(&mut self, period: Period) {
        if period.from() > Period::ALWAYS.from() {
            self.key("from");
            self.out.push_str(&period.from().to_string());
        }
        if period.until() < Period::ALWAYS.until() {
            self.key("until");
            self.out.push_str(&period.until().to_string());
        }
    }
}

fn span(out: &mut String, span: &Span) {
    out.push_str("  - {");
    let mut line = Line { out, first: true };
    line.period(span.period);
    line.text("name", Some(&span.name));
    line.text("kind", Some(&span.kind));
    line.text("parent", span.parent.as_ref().map(TeamId::as_str));
    line.texts("aliases", span.aliases.iter().map(String::as_str));
    line.text("lead", span.lead.as_deref());
    if let Some(count) = span.head_count {
        line.key("head_count");
        line.out.push_str(&count.to_string());
    }
    line.text("cost_center", span.cost_center.as_deref());
    line.texts("owns", span.evidence.iter().map(String::as_str));
    line.text("successor", span.successor.as_ref().map(TeamId::as_str));
    line.texts("split_from", span.split_from.iter().map(TeamId::as_str));
    out.push_str("}\n");
}

impl Org {
    /// The history as text; equal histories have equal bytes, and [`Org::from_yaml`] reads an equal history from it.
    pub fn to_canonical(&self) -> String {
        let mut units: Vec<&Unit> = self.units.iter().collect();
        units.sort_by(|a, b| a.id.cmp(&b.id));
        let mut out = String::from(if units.is_empty() { "units: []\n" } else { "units:\n" });
        for unit in units {
            out.push_str("- id: ");
            quoted(&mut out, unit.id.as_str());
            out.push_str("\n  spans:\n");
            unit.spans.iter().for_each(|part| span(&mut out, part));
        }
        if !self.people.is_empty() {
            out.push_str("people:\n");
        }
        for (person, memberships) in &self.people {
            out.push_str("- {person: ");
            quoted(&mut out, person);
            out.push_str(", spans: [");
            for (at, membership) in memberships.iter().enumerate() {
                out.push_str(if at == 0 { "{" } else { ", {" });
                let mut line = Line { out: &mut out, first: true };
                line.period(membership.period);
                line.text("unit", Some(membership.unit.as_str()));
                out.push('}');
            }
            writeln!(out, "]}}").expect("text takes every line");
        }
        out
    }
}
