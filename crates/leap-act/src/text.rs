//! Texts that strangers wrote (tags, resource names, provider strings) on their way into somebody's screen.

/// A text in one line, without what could make it look like another one: control characters become spaces; marks that
/// turn the direction of writing and letters without width go (U+200D stays: emoji need it).
pub(crate) fn clean(text: &str) -> String {
    let shown = text.chars().filter(|letter| !is_hidden(*letter));
    let shown: String = shown.map(|letter| if is_break(letter) { ' ' } else { letter }).collect();
    shown.trim().to_owned()
}

fn is_break(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}')
}

fn is_hidden(letter: char) -> bool {
    matches!(letter,
        '\u{061c}' | '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A character that belongs to the one before it.
fn joins(letter: char) -> bool {
    matches!(letter, '\u{0300}'..='\u{036f}' | '\u{1ab0}'..='\u{1aff}' | '\u{20d0}'..='\u{20ff}' | '\u{200d}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}' | '\u{1f3fb}'..='\u{1f3ff}')
}

/// How a character is written in some notation.
pub(crate) type Escape = fn(char, &mut String);

/// As it is.
pub(crate) fn plain(letter: char, out: &mut String) {
    out.push(letter);
}

/// For HTML, in text and in quoted attributes.
pub(crate) fn html(letter: char, out: &mut String) {
    match letter {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        _ => out.push(letter),
    }
}

/// As long as services count it: in UTF-16 units, the largest of the usual counts of characters.
pub(crate) fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Writes a text in some notation with at most `most` units, escapes counted as they are written. Where it does not fit
/// it ends in `…`, never inside an escape or between a character and what belongs to it.
pub(crate) fn fitted(text: &str, most: usize, escape: Escape) -> String {
    let mut out = String::new();
    let (mut written, mut cut) = (0, 0);
    let mut previous = ' ';
    let mut piece = String::new();
    for letter in text.chars() {
        piece.clear();
        escape(letter, &mut piece);
        if written < most && !joins(letter) && previous != '\u{200d}' {
            cut = out.len();
        }
        written += units(&piece);
        if written > most {
            out.truncate(cut);
            if most > 0 {
                out.push('…');
            }
            return out;
        }
        out.push_str(&piece);
        previous = letter;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_of_strangers_is_one_honest_line() {
        assert_eq!(clean(" a\r\nBcc: b\t\u{7}c "), "a  Bcc: b  c");
        assert_eq!(clean("abc\u{202e}cod.exe\u{200b}"), "abccod.exe");
        assert_eq!(clean("👩\u{200d}👧 zürich"), "👩\u{200d}👧 zürich");
        assert_eq!(clean("a\u{2028}b\u{e0041}"), "a b");
    }

    #[test]
    fn a_cut_leaves_escapes_and_characters_whole() {
        let cases = [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("a<b", 4, "a…"),
            ("a<b", 6, "a&lt;b"),
            ("<<", 4, "…"),
            ("<<", 5, "&lt;…"),
            ("😀😀", 3, "😀…"),
            ("😀😀", 2, "…"),
            ("xe\u{301}f", 3, "x…"),
            ("ab👩\u{200d}👧c", 7, "ab…"),
            ("ab👩\u{200d}👧", 7, "ab👩\u{200d}👧"),
            ("a", 0, ""),
        ];
        for (text, most, wanted) in cases {
            assert_eq!(fitted(text, most, html), wanted, "{text} in {most}");
        }
    }

    proptest! {
        #[test]
        fn what_is_cut_fits_and_begins_as_the_whole(text in "\\PC{0,40}", most in 0_usize..60) {
            let whole: String = text.chars().fold(String::new(), |mut out, letter| { html(letter, &mut out); out });
            let cut = fitted(&text, most, html);
            prop_assert!(units(&cut) <= most);
            if units(&whole) <= most {
                prop_assert_eq!(cut, whole);
            } else if most > 0 {
                let kept = cut.strip_suffix('…').unwrap();
                prop_assert!(whole.starts_with(kept));
                let rest = &whole[kept.len()..];
                // An escape that is whole before the cut is whole after it.
                let open = kept.rfind('&').filter(|at| !kept[*at..].contains(';'));
                prop_assert!(open.is_none(), "{} | {}", kept, rest);
            }
        }
    }
}
