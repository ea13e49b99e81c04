//! Figures and addresses in words.

use leap_terms::{Day, Exact, Money, Period};
use leap_web::site::model::{Cell, Figure};
use leap_web::site::{encoded, query};

/// `/team/payments?period=2026-09`.
pub(super) fn address(path: &[impl AsRef<str>], parameters: &[(String, String)]) -> String {
    let mut out = String::new();
    for segment in path {
        out.push('/');
        out.push_str(&encoded(segment.as_ref()));
    }
    if out.is_empty() {
        out.push('/');
    }
    if !parameters.is_empty() {
        out.push('?');
        out.push_str(&query(parameters));
    }
    out
}

/// With a capital in front.
pub(super) fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A period as an address says it: a day or a year by itself.
pub(super) fn period_text(period: Period) -> String {
    let (year, _) = period.from().month().ym();
    let is_year =
        Day::from_ymd(year, 1, 1) == Some(period.from()) && Day::from_ymd(year + 1, 1, 1) == Some(period.until());
    if period.from().plus(1) == period.until() {
        period.from().to_string()
    } else if is_year {
        format!("{year:04}")
    } else {
        period.to_string()
    }
}

/// Whole units; below ten of them, as many digits as show something.
pub(super) fn short(amount: Money) -> String {
    let text = if amount.abs() < Exact::from_whole(10) && !amount.is_zero() {
        crate::output::amount_shown(amount)
    } else {
        amount.to_grouped(0)
    };
    minus(&text)
}

/// To the last cent.
pub(super) fn cents(amount: Money) -> String {
    minus(&crate::output::amount_shown(amount))
}

/// With a sign, whatever it is.
pub(super) fn signed(amount: Money, shown: impl Fn(Money) -> String) -> String {
    let sign = if amount > Money::ZERO { "+" } else { "" };
    format!("{sign}{}", shown(amount))
}

fn minus(text: &str) -> String {
    text.replace('-', "\u{2212}")
}

/// A cell with an amount in whole units.
pub(super) fn amount(amount: Money, href: String) -> Cell {
    Cell::Figure(Figure { exact: amount.to_string(), shown: short(amount), href })
}

/// A cell with a difference; what is compared stands beside it, and leads to its rows.
pub(super) fn change(amount: Money) -> Cell {
    Cell::Number(amount.to_string(), signed(amount, short))
}

/// A fact: an amount to the last cent.
pub(super) fn loose(amount: Money, href: String) -> Cell {
    Cell::Figure(headline(amount, href))
}

/// A small line of amounts, from the lowest of them to the highest; nothing of less than two.
pub(super) fn line(amounts: &[Money]) -> Cell {
    let (Some(first), Some(last)) = (amounts.first(), amounts.last()) else { return Cell::Empty };
    let (low, high) = amounts.iter().fold((*first, *first), |(low, high), one| (low.min(*one), high.max(*one)));
    if amounts.len() < 2 {
        return Cell::Empty;
    }
    let range = (high - low).coarse();
    // A height has a hundred steps: of vast amounts the last digits do not matter.
    let scale = if range > i128::MAX / 200 { 1_000 } else { 1 };
    let height = |one: &Money| match range / scale {
        0 => 50,
        range => u8::try_from((*one - low).coarse() / scale * 100 / range).unwrap_or(100),
    };
    let words = format!("from {} to {}, between {} and {}", short(*first), short(*last), short(low), short(high));
    Cell::Line(amounts.iter().map(height).collect(), words)
}

/// A headline figure.
pub(super) fn headline(amount: Money, href: String) -> Figure {
    Figure { exact: amount.to_string(), shown: cents(amount), href }
}

/// A part of a whole in hundredths of a percent, rounded half away from zero; none of nothing.
pub(super) fn share(part: Money, whole: Money) -> Option<i128> {
    let (part, whole) = (part.coarse(), whole.coarse());
    if whole == 0 {
        return None;
    }
    // Amounts beyond 10^16 units lose their last digits before they are compared: a share shows four.
    let scale =
        if part.unsigned_abs().max(whole.unsigned_abs()) > (i128::MAX as u128) / 20_000 { 1_000_000 } else { 1 };
    let (part, whole) = (part / scale * 10_000, whole / scale);
    let half = whole.abs() / 2;
    let (sign, part) = (part.signum() * whole.signum(), part.abs());
    Some(sign * ((part + half) / whole.abs()))
}

/// `31.5 %`.
pub(super) fn percent(hundredths: Option<i128>) -> String {
    match hundredths {
        None => "–".to_owned(),
        Some(value) => {
            let tenths = (value.abs() + 5) / 10;
            let sign = if value < 0 && tenths > 0 { "\u{2212}" } else { "" };
            format!("{sign}{}.{} %", tenths / 10, tenths % 10)
        }
    }
}

/// Hundredths as a decimal; empty for none.
pub(super) fn hundredths(value: Option<i128>) -> String {
    value.map_or_else(String::new, |value| {
        format!("{}{}.{:02}", if value < 0 { "-" } else { "" }, value.abs() / 100, value.abs() % 100)
    })
}

/// A word of a command, as a POSIX shell takes it: in single quotes, unless it is plain. Control characters, which a
/// terminal would act on when the command is pasted, become spaces.
pub(super) fn shell(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._:/@,=-".contains(letter);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(plain) {
        return word.to_owned();
    }
    let safe: String = word.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    format!("'{}'", safe.replace('\'', "'\\''"))
}

/// A cell with a share.
pub(super) fn share_cell(part: Money, whole: Money) -> Cell {
    match share(part, whole) {
        None => Cell::None,
        value => Cell::Number(hundredths(value), percent(value)),
    }
}

/// `+12,310.09 (+3.0 %) against 2026-08`.
pub(super) fn delta(before: Money, now: Money, against: &str) -> String {
    let change = now - before;
    let part = share(change, before)
        .map_or_else(String::new, |value| format!(" ({}{})", if value > 0 { "+" } else { "" }, percent(Some(value))));
    format!("{}{part} against {against}", signed(change, cents))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Money {
        text.parse().unwrap()
    }

    #[test]
    fn amounts_are_short_where_they_are_large() {
        assert_eq!(short(money("418204.113")), "418,204");
        assert_eq!(short(money("-28411.9")), "\u{2212}28,412");
        assert_eq!(short(money("3.456")), "3.46");
        assert_eq!(short(money("0")), "0");
        assert_eq!(signed(money("12.5"), cents), "+12.50");
    }

    #[test]
    fn shares_round_half_away_and_keep_their_sign() {
        assert_eq!(share(money("1"), money("3")), Some(3333));
        assert_eq!(share(money("-2"), money("3")), Some(-6667));
        assert_eq!(share(money("-2"), money("-3")), Some(6667));
        assert_eq!(share(money("1"), money("0")), None);
        assert_eq!(percent(Some(-4)), "0.0 %");
        assert_eq!(percent(Some(-6667)), "\u{2212}66.7 %");
        let vast = money("90000000000000000000");
        assert_eq!(share(vast, vast), Some(10_000));
    }

    #[test]
    fn lines_reach_from_the_lowest_to_the_highest() {
        let line = |all: &[&str]| line(&all.iter().map(|text| money(text)).collect::<Vec<_>>());
        let words = "from 100 to 300, between 50 and 300".to_owned();
        assert_eq!(line(&["100", "50", "175", "300"]), Cell::Line(vec![20, 0, 50, 100], words));
        assert_eq!(line(&["7", "7"]), Cell::Line(vec![50, 50], "from 7.00 to 7.00, between 7.00 and 7.00".to_owned()));
        assert_eq!((line(&[]), line(&["7"])), (Cell::Empty, Cell::Empty));
        let Cell::Line(vast, _) = line(&["-900000000000000000", "900000000000000000"]) else { panic!() };
        assert_eq!(vast, [0, 100]);
    }

    #[test]
    fn a_pasted_command_runs_nothing_else() {
        assert_eq!(shell("payments"), "payments");
        assert_eq!(shell("$(touch x)"), "'$(touch x)'");
        assert_eq!(shell("a'; rm -rf `x` \"y\""), "'a'\\''; rm -rf `x` \"y\"'");
        assert_eq!(shell("a\nrm x"), "'a rm x'");
        assert_eq!(shell("--home"), "'--home'");
        assert_eq!(shell(""), "''");
    }

    #[test]
    fn addresses_are_encoded() {
        let parameters = [("service".to_owned(), "Amazon EC2 & more".to_owned())];
        assert_eq!(address(&["team", "a/b"], &parameters), "/team/a%2Fb?service=Amazon%20EC2%20%26%20more");
        assert_eq!(address(&[] as &[&str], &[]), "/");
    }
}
