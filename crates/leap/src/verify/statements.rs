//! Statements of closed periods: each is what its digest says, adds up, and is made again from its snapshot to the byte.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use leap_orient::period::Statement;
use leap_terms::Digest;

use crate::failure::Failure;
use crate::home::Home;
use crate::periods::figures;
use crate::view::Layer;
use crate::world::{World, published};

/// What checking them found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Statements {
    /// Statements checked.
    pub(super) checked: usize,
    /// Those that were made again, to the byte.
    pub(super) remade: usize,
    /// What is wrong, one sentence each.
    pub(super) faults: Vec<String>,
}

/// Checks every statement of the book.
pub(super) async fn check(home: &Home) -> Result<Statements, Failure> {
    let mut found = Statements::default();
    let statements = match home.book.statements(None).await {
        Ok(statements) => statements,
        Err(error) => {
            found.faults.push(Failure::from_error(&error).message);
            return Ok(found);
        }
    };
    let open = published(home);
    let mut layers = BTreeMap::<i64, Layer>::new();
    for statement in statements {
        let name = format!("{} version {}", statement.period, statement.version);
        found.checked += 1;
        if let Some(fault) = fault(&statement.body, statement.digest) {
            found.faults.push(format!("{name}: {fault}"));
            continue;
        }
        let layer = match layers.entry(statement.snapshot) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(Layer::new(World::load(home, Some(statement.snapshot)).await?)?),
        };
        match figures::statement(layer, statement.period, &open) {
            Ok(again) if again.to_text() == statement.body => found.remade += 1,
            Ok(again) => found.faults.push(format!("{name}: {}", first_difference(&statement.body, &again.to_text()))),
            Err(failure) => found.faults.push(format!("{name} cannot be made again: {}", failure.message)),
        }
    }
    Ok(found)
}

/// What is wrong with a statement by itself.
fn fault(body: &str, digest: Digest) -> Option<String> {
    if Digest::of(body.as_bytes()) != digest {
        return Some("its text is not what its digest says".to_owned());
    }
    Statement::from_text(body).err().map(|fault| fault.to_string())
}

/// Where two texts part.
fn first_difference(published: &str, again: &str) -> String {
    let mut lines = published.lines().zip(again.lines());
    match lines.find(|(one, other)| one != other) {
        Some((one, other)) => format!("made again, it differs: published {one} made again {other}"),
        None => "made again, it is longer or shorter".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_text_is_told_by_its_digest_and_by_its_sums() {
        let text = "{\"statement\":1}";
        assert_eq!(fault(text, Digest::of(b"other")).unwrap(), "its text is not what its digest says");
        assert!(fault(text, Digest::of(text.as_bytes())).unwrap().contains("cannot be read"));
        assert!(first_difference("a\nb\n", "a\nc\n").ends_with("published b made again c"));
        assert!(first_difference("a\n", "a\nc\n").contains("longer or shorter"));
    }
}
