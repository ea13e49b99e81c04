//! A fault in something a person wrote or delivered: where it is, which rule it breaks, what to do.
//!
//! ```text
//! rules.yaml:12:20: unknown column 'ServicName'
//!    12 |     when: "ServicName = 'AmazonEC2'"
//!       |            ^^^^^^^^^^
//!   help: did you mean ServiceName?
//! ```

use std::fmt;

/// One fault. Lines and columns count from 1; a column counts characters.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fault {
    /// The file as the person named it.
    pub file: String,
    /// Line in the file.
    pub line: Option<usize>,
    /// First character of the faulty text on that line.
    pub column: Option<usize>,
    /// How many characters the faulty text has.
    pub length: usize,
    /// The text of the line, shown with a caret below.
    pub snippet: Option<String>,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Fault {
    /// A fault of a whole file.
    pub fn in_file(file: impl Into<String>, message: impl Into<String>) -> Fault {
        Fault { file: file.into(), message: message.into(), ..Fault::default() }
    }

    /// Places the fault: `text` is the whole file, `offset` the byte where the faulty text starts, `length` its
    /// characters.
    pub fn at(mut self, text: &str, offset: usize, length: usize) -> Fault {
        let offset = (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let before = &text[..offset];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let end = text[offset..].find('\n').map_or(text.len(), |at| offset + at);
        self.line = Some(before.matches('\n').count() + 1);
        self.column = Some(text[start..offset].chars().count() + 1);
        self.length = length;
        self.snippet = Some(text[start..end].trim_end_matches('\r').to_owned());
        self
    }

    /// Adds the remedy.
    pub fn help(mut self, help: impl Into<String>) -> Fault {
        self.help = Some(help.into());
        self
    }
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(out, ":{line}")?;
            if let Some(column) = self.column {
                write!(out, ":{column}")?;
            }
        }
        if !self.file.is_empty() {
            out.write_str(": ")?;
        }
        out.write_str(&self.message)?;
        if let (Some(line), Some(column), Some(snippet)) = (self.line, self.column, &self.snippet) {
            // A long line is cut around the fault, so that the caret stays on the screen.
            let skip = column.saturating_sub(60);
            let shown: String = snippet.chars().skip(skip).take(110).map(|c| if c == '\t' { ' ' } else { c }).collect();
            let lead = if skip > 0 { "…" } else { "" };
            let caret = column - 1 - skip + lead.chars().count();
            write!(out, "\n{line:>5} | {lead}{shown}\n      | {:caret$}{}", "", "^".repeat(self.length.clamp(1, 110)))?;
        }
        if let Some(help) = &self.help {
            write!(out, "\n  help: {help}")?;
        }
        Ok(())
    }
}

/// Several faults as one text, one below the other.
pub fn list(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n")
}

/// The candidate nearest to a misspelt word, if one is near enough to be meant (Levenshtein distance at most a third
/// of the word's length, case ignored).
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= (word.chars().count() / 3).max(1))
        .min()
        .map(|(_, candidate)| candidate)
}

fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let cost = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_points_at_the_text() {
        let text = "rules:\n  - id: a\n    when: \"ServicName = 'x'\"\n";
        let offset = text.find("ServicName").unwrap();
        let fault = Fault::in_file("rules.yaml", "unknown column 'ServicName'")
            .at(text, offset, 10)
            .help("did you mean ServiceName?");
        assert_eq!(
            fault.to_string(),
            "rules.yaml:3:12: unknown column 'ServicName'\n    3 |     when: \"ServicName = 'x'\"\n      |            ^^^^^^^^^^\n  help: did you mean ServiceName?"
        );
    }

    #[test]
    fn a_misspelt_word_finds_its_neighbour() {
        assert_eq!(nearest("ServicName", ["ServiceName", "SkuId"]), Some("ServiceName"));
        assert_eq!(nearest("Banana", ["ServiceName", "SkuId"]), None);
    }
}
