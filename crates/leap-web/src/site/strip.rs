//! A strip: what became of the windows of a stretch of time, one after the other, drawn by the server.
//!
//! ```text
//! ▁▁▁▁▁▁█████▁▁▁▁▃▃▁▁▁      met low, missed tall, thin between, nothing heard at the bottom
//! ```
//! Heights say the same as colours. Its numbers stand in a table beside it, as those of every drawing.

use maud::{Markup, html};

/// What a window was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// As agreed.
    Met,
    /// Not as agreed.
    Missed,
    /// Too little to say.
    Thin,
    /// Nothing was heard.
    #[default]
    Silent,
}

impl Part {
    /// All of them, in the order in which they are told.
    const ALL: [Part; 4] = [Part::Met, Part::Missed, Part::Thin, Part::Silent];

    /// In the legend, and the class of the drawing.
    fn word(self) -> &'static str {
        match self {
            Part::Met => "met",
            Part::Missed => "missed",
            Part::Thin => "thin",
            Part::Silent => "no data",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Part::Met => "met",
            Part::Missed => "missed",
            Part::Thin => "thin",
            Part::Silent => "silent",
        }
    }

    /// Top and height, of ten.
    fn place(self) -> (&'static str, &'static str) {
        match self {
            Part::Met => ("5", "5"),
            Part::Missed => ("0", "10"),
            Part::Thin => ("7", "3"),
            Part::Silent => ("9", "1"),
        }
    }
}

/// Windows of one length, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strip {
    /// What it is of.
    pub label: String,
    /// What a window is called: `hours`, `windows of 1m`.
    pub windows: String,
    /// So many windows that were the same, in order.
    pub runs: Vec<(u64, Part)>,
    /// When the first one begins.
    pub from: String,
    /// When the last one ends.
    pub until: String,
}

impl Strip {
    /// Adds a window.
    pub fn push(&mut self, part: Part, count: u64) {
        match self.runs.last_mut() {
            _ if count == 0 => {}
            Some((own, last)) if *last == part => *own += count,
            _ => self.runs.push((count, part)),
        }
    }

    fn count(&self, part: Part) -> u64 {
        self.runs.iter().filter(|(_, own)| *own == part).map(|(count, _)| count).sum()
    }

    /// `698 met, 22 missed, 0 thin, 0 no data`
    fn in_words(&self) -> String {
        let words = Part::ALL.map(|part| format!("{} {}", self.count(part), part.word()));
        words.join(", ")
    }

    /// As HTML.
    pub(super) fn markup(&self) -> Markup {
        let all: u64 = self.runs.iter().map(|(count, _)| count).sum();
        let mut at = 0;
        let rects = self.runs.iter().map(|(count, part)| {
            let start = at;
            at += count;
            (start, *count, *part)
        });
        let words = self.in_words();
        html! {
            figure.strip {
                figcaption { (self.label) }
                svg viewBox=(format!("0 0 {} 10", all.max(1))) preserveAspectRatio="none" role="img"
                    aria-label=(format!("{}, {} to {}: {words}", self.label, self.from, self.until)) {
                    @for (start, count, part) in rects.collect::<Vec<_>>() {
                        rect x=(start) y=(part.place().0) width=(count) height=(part.place().1) class=(part.class()) {}
                    }
                }
                p.row { time { (self.from) } time { (self.until) } }
                p.dim.small { "Of " (all) " " (self.windows) ": "
                    @for (at, part) in Part::ALL.into_iter().enumerate() {
                        @if at > 0 { ", " }
                        span class={ "mark " (part.class()) } {} (self.count(part)) " " (part.word())
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_that_are_the_same_are_one_mark_and_all_are_told() {
        let mut strip = Strip { label: "Clock".into(), windows: "hours".into(), ..Strip::default() };
        for (part, count) in [(Part::Met, 2), (Part::Met, 3), (Part::Missed, 1), (Part::Silent, 0), (Part::Thin, 4)] {
            strip.push(part, count);
        }
        assert_eq!(strip.runs, [(5, Part::Met), (1, Part::Missed), (4, Part::Thin)]);
        let html = strip.markup().into_string();
        assert!(
            html.contains("viewBox=\"0 0 10 10\"") && html.contains("5 met, 1 missed, 4 thin, 0 no data"),
            "{html}"
        );
        assert!(html.contains("x=\"5\" y=\"0\" width=\"1\" height=\"10\" class=\"missed\""), "{html}");
    }
}
