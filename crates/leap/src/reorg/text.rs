//! A plan as text: JSON, with a line for each element of a list, so that a difference of two plans is one of lines.
//!
//! ```text
//! "moves":[
//! {"month":"2026-08","from":"acme/b","to":"acme/a","currency":"USD","amount":"10","charges":1}],
//! ```
//! A part's seal is the digest of its JSON without these ends of lines; inside a text an end of a line is `\\n`.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use leap_terms::Digest;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::{Plan, PlannedMove};

/// A part of a plan as it is written.
pub(super) struct Part {
    name: &'static str,
    json: String,
    /// False where it is left out of the text: a part that was not asked for.
    shown: bool,
}

/// The parts in their order.
pub(super) fn parts(plan: &Plan) -> Vec<Part> {
    // Every field has its seal, but for the seals and what is not written: a new field does not compile until it has one, too.
    let Plan {
        plan: form,
        title,
        parent,
        recorded,
        steps,
        result,
        moves,
        shared,
        orphans,
        restates,
        seals: _,
        written: _,
    } = plan;
    let part = |name, json| Part { name, json, shown: true };
    vec![
        part("plan", lines(form)),
        part("title", lines(title)),
        part("parent", lines(parent)),
        part("recorded", lines(recorded)),
        part("steps", lines(steps)),
        part("result", lines(result)),
        part("moves", moves_lines(moves)),
        Part { shown: shared.is_some(), ..part("shared", lines(shared)) },
        part("orphans", lines(orphans)),
        part("restates", lines(restates)),
    ]
}

/// The seal of each part.
pub(super) fn seals(parts: &[Part]) -> BTreeMap<String, Digest> {
    let seal = |part: &Part| (part.name.to_owned(), Digest::of(part.json.replace('\n', "").as_bytes()));
    parts.iter().map(seal).collect()
}

/// The text of a plan.
pub(super) fn written(parts: &[Part], seals: &BTreeMap<String, Digest>) -> String {
    let mut text = String::with_capacity(parts.iter().map(|part| part.json.len() + 16).sum::<usize>() + 1024);
    text.push_str("{\n");
    for part in parts.iter().filter(|part| part.shown) {
        text.push_str(&format!("\"{}\":", part.name));
        text.push_str(&part.json);
        text.push_str(",\n");
    }
    text.push_str("\"seals\":");
    text.push_str(&lines(seals));
    text.push_str("\n}\n");
    text
}

/// JSON without spaces, with an end of a line before each element of a list.
fn lines(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Lines)).expect("a plan is text and numbers");
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

struct Lines;

impl Formatter for Lines {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b"\n" } else { b",\n" })
    }
}

/// The same of moves, of which a plan has thousands.
fn moves_lines(moves: &[PlannedMove]) -> String {
    let mut out = Vec::with_capacity(moves.len() * 256 + 2);
    out.push(b'[');
    for (at, one) in moves.iter().enumerate() {
        let PlannedMove { month, from, to, currency, amount, charges } = one;
        out.extend_from_slice(if at == 0 { b"\n" } else { b",\n" });
        let texts = [("{\"month\":", month), (",\"from\":", from), (",\"to\":", to), (",\"currency\":", currency)];
        for (key, value) in texts.into_iter().chain([(",\"amount\":", amount)]) {
            out.extend_from_slice(key.as_bytes());
            quoted(&mut out, value);
        }
        write!(out, ",\"charges\":{charges}}}").expect("a list of bytes takes all bytes");
    }
    out.push(b']');
    String::from_utf8(out).expect("it is made of texts")
}

fn quoted(out: &mut Vec<u8>, text: &str) {
    if text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        serde_json::to_writer(out, text).expect("a list of bytes takes all bytes");
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_are_written_as_json_writes_them() {
        let one = |from: &str, amount: &str| PlannedMove {
            month: "2026-08".to_owned(),
            from: from.to_owned(),
            to: "acme/a \u{7f}\u{e9}\u{2028}".to_owned(),
            currency: "USD".to_owned(),
            amount: amount.to_owned(),
            charges: 310,
        };
        let moves = vec![one("acme/b", "10"), one("quote \" slash \\ line \n tab \t bell \u{7}", "-0.1")];
        for moves in [moves, Vec::new()] {
            let json = moves_lines(&moves);
            assert_eq!(json, lines(&moves));
            assert_eq!(json.replace('\n', ""), serde_json::to_string(&moves).unwrap());
        }
    }
}
