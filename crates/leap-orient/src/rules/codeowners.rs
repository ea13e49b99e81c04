//! A CODEOWNERS file as a source of ownership: the last pattern that matches a path names its owner.
//!
//! ```text
//! *                 @acme/platform
//! /services/pay/    @acme/payments
//! /services/pay/docs/
//! ```
//! `@org/team` is looked up as `org/team`, then as `team`; an e-mail address and `@user` as they are. The first owner of
//! a line counts. A line without owner means nobody: the rule does not match. Patterns are those of GitHub: `*` stays
//! within a folder, `**` crosses folders, a leading `/` ties to the root, a trailing `/` means a folder.

use leap_terms::Fault;
use regex::{RegexSet, RegexSetBuilder};

/// Patterns and owners, in the file's order.
#[derive(Debug)]
pub struct CodeOwners {
    /// File, as the rule names it.
    pub file: String,
    patterns: RegexSet,
    lines: Vec<(usize, Option<String>)>,
}

impl CodeOwners {
    /// Reads a CODEOWNERS file.
    ///
    /// # Errors
    /// A line whose pattern cannot be used.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<CodeOwners, Vec<Fault>> {
        let text = std::str::from_utf8(bytes).map_err(|_| vec![Fault::in_file(file, "not UTF-8 text")])?;
        let mut sources = Vec::new();
        let mut lines = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.split(" #").next().unwrap_or("").trim();
            if line.is_empty() || line.starts_with('#') || line.starts_with('[') || line.starts_with('^') {
                continue;
            }
            let mut words = line.split_whitespace();
            let Some(pattern) = words.next() else { continue };
            if pattern.starts_with('!') {
                let fault =
                    Fault { line: Some(at + 1), ..Fault::in_file(file, "CODEOWNERS patterns cannot be negated") };
                return Err(vec![fault]);
            }
            sources.push(regex_of(pattern));
            lines.push((at + 1, words.next().map(str::to_owned)));
        }
        let patterns = RegexSetBuilder::new(&sources).size_limit(64 << 20).build();
        let patterns = patterns.map_err(|error| vec![Fault::in_file(file, format!("patterns too large: {error}"))])?;
        Ok(CodeOwners { file: file.to_owned(), patterns, lines })
    }

    /// Owner and line number of the last pattern that matches; `None` when none does or nobody owns it.
    pub fn find(&self, path: &str) -> Option<(&str, usize)> {
        let path = path.trim().trim_start_matches("./").trim_start_matches('/');
        let last = self.patterns.matches(path).iter().next_back()?;
        let (line, owner) = &self.lines[last];
        owner.as_deref().map(|owner| (owner, *line))
    }

    /// The names under which an owner may be known to the org: `@acme/pay` is `acme/pay` or `pay`.
    pub fn names(owner: &str) -> Vec<&str> {
        let bare = owner.trim_start_matches('@');
        match bare.rsplit_once('/') {
            Some((_, team)) => vec![owner, bare, team],
            None => vec![owner, bare],
        }
    }
}

fn regex_of(pattern: &str) -> String {
    let folder = pattern.ends_with('/');
    let body = pattern.trim_start_matches('/').trim_end_matches('/');
    let rooted = pattern.starts_with('/') || body.contains('/');
    let mut source = String::from(if rooted { "^" } else { "(?:^|/)" });
    let mut rest = body;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("**/") {
            source.push_str("(?:.*/)?");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("**") {
            source.push_str(".*");
            rest = after;
        } else {
            match c {
                '*' => source.push_str("[^/]*"),
                '?' => source.push_str("[^/]"),
                '\\' => {}
                other => source.push_str(&regex::escape(&other.to_string())),
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    // `docs/*` means the files in docs, not those below its folders; anything else also means what lies below it.
    source.push_str(match (folder, body.ends_with("/*")) {
        (true, _) => "/",
        (false, true) => "$",
        (false, false) => "(?:/|$)",
    });
    source
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_matching_pattern_wins() {
        let text = "# c\n* @acme/platform\n/services/pay/ @acme/payments @other\n*.md docs@acme.com\n/services/pay/gen/\ndocs/* @acme/docs # x\n**/infra @acme/infra\n";
        let owners = CodeOwners::parse("CODEOWNERS", text.as_bytes()).unwrap();
        let owner = |path: &str| owners.find(path).map(|(owner, _)| owner);
        assert_eq!(owner("main.rs"), Some("@acme/platform"));
        assert_eq!(owner("/services/pay/src/a.rs"), Some("@acme/payments"));
        assert_eq!(owner("services/pay/gen/a.rs"), None);
        assert_eq!(owner("a/b/readme.md"), Some("docs@acme.com"));
        assert_eq!(owner("docs/a.txt"), Some("@acme/docs"));
        assert_eq!(owner("docs/deep/a.txt"), Some("@acme/platform"));
        assert_eq!(owner("x/infra/a"), Some("@acme/infra"));
        assert_eq!(owners.find("main.rs").unwrap().1, 2);
        assert_eq!(CodeOwners::names("@acme/pay"), ["@acme/pay", "acme/pay", "pay"]);
        assert_eq!(CodeOwners::parse("f", b"!a @x").unwrap_err()[0].line, Some(1));
    }
}
