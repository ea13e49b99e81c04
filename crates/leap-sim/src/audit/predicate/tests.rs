//! Truth tables and functions of the rules' SQL.

use super::*;

/// `a` is 'x', `n` is null, `Tags['it''s']` is 'v'.
struct Row;

impl Facts for Row {
    fn column(&self, name: &str) -> Option<Cow<'_, str>> {
        match name {
            "a" => Some(Cow::Borrowed("x")),
            "ServiceName" => Some(Cow::Borrowed("Amazon Relational Database Service")),
            _ => None,
        }
    }

    fn member(&self, column: &str, key: &str) -> Option<Cow<'_, str>> {
        ((column, key) == ("Tags", "it's")).then_some(Cow::Borrowed("v"))
    }
}

/// The value as SQL would print it.
fn eval(text: &str) -> String {
    let expression = Expression::read(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
    match expression.value(&Row) {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Text(text) => format!("'{text}'"),
    }
}

fn table(rows: &[(&str, &str)]) {
    for (text, expected) in rows {
        assert_eq!(eval(text), *expected, "{text}");
    }
}

#[test]
fn and_or_not_are_three_valued() {
    let values = ["true", "false", "null"];
    let and = ["true", "false", "null", "false", "false", "false", "null", "false", "null"];
    let or = ["true", "true", "true", "true", "false", "null", "true", "null", "null"];
    for (row, left) in values.iter().enumerate() {
        for (column, right) in values.iter().enumerate() {
            assert_eq!(eval(&format!("{left} AND {right}")), and[row * 3 + column], "{left} AND {right}");
            assert_eq!(eval(&format!("{left} OR {right}")), or[row * 3 + column], "{left} OR {right}");
        }
    }
    table(&[("NOT true", "false"), ("NOT false", "true"), ("NOT null", "null")]);
}

#[test]
fn comparisons_with_null_are_unknown() {
    table(&[
        ("a = 'x'", "true"),
        ("a <> 'x'", "false"),
        ("a != 'y'", "true"),
        ("a < 'y'", "true"),
        ("a <= 'x'", "true"),
        ("a > 'y'", "false"),
        ("a >= 'y'", "false"),
        ("n = 'x'", "null"),
        ("n <> 'x'", "null"),
        ("n = n", "null"),
        ("n IS NULL", "true"),
        ("'' IS NULL", "true"),
        ("a = ''", "null"),
        ("a <> ''", "null"),
        ("trim('  ') IS NULL", "true"),
        ("coalesce(trim(' '), a)", "'x'"),
        ("CASE WHEN n = 'x' THEN 'p' WHEN a = 'x' THEN 'q' ELSE 'r' END", "'q'"),
        ("CASE a WHEN 'y' THEN 'p' END", "null"),
        ("n IS NOT NULL", "false"),
        ("a IS NULL", "false"),
        ("(n = 'x') IS NULL", "true"),
        ("(n = 'x') IS NOT TRUE", "true"),
        ("(a = 'x') IS FALSE", "false"),
        ("a IN ('x', 'y')", "true"),
        ("a IN ('y', NULL)", "null"),
        ("a NOT IN ('y', NULL)", "null"),
        ("a NOT IN ('y')", "true"),
        ("a NOT IN ('x', NULL)", "false"),
        ("n IN ('x')", "null"),
        ("a BETWEEN 'w' AND 'y'", "true"),
        ("a NOT BETWEEN 'w' AND 'y'", "false"),
        ("a BETWEEN 'y' AND NULL", "false"),
        ("a BETWEEN 'w' AND NULL", "null"),
        ("Tags['it''s'] = 'v'", "true"),
        ("Tags['none'] = 'v'", "null"),
        ("\"ServiceName\" LIKE 'Amazon Relational%'", "true"),
        ("length(a) = 1", "true"),
        ("length('12345678910') < 9", "false"),
    ]);
}

#[test]
fn precedence_is_that_of_sql() {
    table(&[
        ("true OR true AND false", "true"),
        ("(true OR true) AND false", "false"),
        ("NOT false AND false", "false"),
        ("NOT a = 'y'", "true"),
        ("NOT a IS NULL", "true"),
        ("'x' || 'y' = 'xy'", "true"),
        ("a = 'x' AND NOT a = 'y' OR n = 'x'", "true"),
        ("a BETWEEN 'w' AND 'y' AND true", "true"),
        ("a LIKE 'x' AND a NOT LIKE 'y'", "true"),
        ("a between 'a' and 'z' or not n is null", "true"),
    ]);
}

#[test]
fn like_knows_its_two_wildcards_and_an_escape() {
    table(&[
        ("'payments' LIKE 'pay%'", "true"),
        ("'payments' LIKE '%ment_'", "true"),
        ("'payments' LIKE 'PAY%'", "false"),
        ("'payments' ILIKE 'PAY%'", "true"),
        ("'payments' NOT ILIKE 'PAY%'", "false"),
        ("'' LIKE '%'", "null"),
        ("'' LIKE '_'", "null"),
        ("'é' LIKE '_'", "true"),
        ("'aXbXc' LIKE '%X%X%'", "true"),
        ("'aXb' LIKE '%X%X%'", "false"),
        ("'a%b' LIKE 'a\\%b'", "true"),
        ("'axb' LIKE 'a\\%b'", "false"),
        ("'a%b' LIKE 'a!%b' ESCAPE '!'", "true"),
        ("n LIKE '%'", "null"),
        ("'a.b' LIKE 'a_b'", "true"),
        ("'abc' ~ '^a.c$'", "true"),
        ("'ABC' ~ '^a.c$'", "false"),
        ("'ABC' ~* '^a.c$'", "true"),
        ("'abc' !~ 'b'", "false"),
        ("n ~ 'b'", "null"),
    ]);
}

#[test]
fn functions_count_characters_from_one() {
    table(&[
        ("lower('PAY')", "'pay'"),
        ("upper('pay')", "'PAY'"),
        ("trim('  a ')", "'a'"),
        ("ltrim('  a ')", "'a '"),
        ("rtrim('  a ')", "'  a'"),
        ("trim(BOTH 'x' FROM 'xxaxx')", "'a'"),
        ("trim(LEADING 'x' FROM 'xxaxx')", "'axx'"),
        ("btrim('xyaxy', 'xy')", "'a'"),
        ("coalesce(n, NULL, a, 'z')", "'x'"),
        ("coalesce(n)", "null"),
        ("nullif(a, 'x')", "null"),
        ("nullif(a, 'y')", "'x'"),
        ("nullif(a, n)", "'x'"),
        ("substr('payments', 4)", "'ments'"),
        ("substr('payments', 1, 3)", "'pay'"),
        ("substr('payments', 0, 3)", "'pa'"),
        ("substring('payments', -1, 3)", "'p'"),
        ("substring('payments' FROM 4 FOR 2)", "'me'"),
        ("split_part('a:b:c', ':', 2)", "'b'"),
        ("split_part('a:b:c', ':', 4)", "null"),
        ("split_part('a:b:c', ':', -1)", "'c'"),
        ("replace('a-b-c', '-', '')", "'abc'"),
        ("concat('a', n, 1)", "'a1'"),
        ("'a' || n", "null"),
        ("'a' || 1", "'a1'"),
        ("starts_with('payments', 'pay')", "true"),
        ("ends_with('payments', 'pay')", "false"),
        ("contains('payments', 'men')", "true"),
        ("strpos('éab', 'b')", "3"),
        ("strpos('abc', 'z')", "0"),
        ("length('é中')", "2"),
        ("left('payments', 3)", "'pay'"),
        ("left('payments', -5)", "'pay'"),
        ("right('payments', 5)", "'ments'"),
        ("right('payments', -3)", "'ments'"),
        ("regexp_like('team-07', '^team-\\d+$')", "true"),
        ("regexp_match('team-07', '^team-\\d+$')", "true"),
        ("regexp_match('tim-07', '^team-\\d+$') IS NULL", "true"),
        ("regexp_match('team-07', '^team-(\\d+)$')[1]", "'07'"),
        ("regexp_match('team-07', '\\d+')[1]", "'07'"),
        ("regexp_like('TEAM', 'team', 'i')", "true"),
        ("regexp_replace('arn:aws:x', '^arn:(\\w+):.*$', '\\1')", "'aws'"),
        ("regexp_replace('aaa', 'a', 'b')", "'baa'"),
        ("regexp_replace('aaa', 'a', 'b', 'g')", "'bbb'"),
        ("lower(n)", "null"),
        ("CASE WHEN n = 'x' THEN 1 WHEN a = 'x' THEN 2 ELSE 3 END", "2"),
        ("CASE a WHEN 'y' THEN 'no' WHEN 'x' THEN 'yes' END", "'yes'"),
        ("CASE WHEN n = 'x' THEN 1 END", "null"),
        ("-1", "-1"),
    ]);
}

#[test]
fn what_is_no_expression_is_refused() {
    for text in
        ["", "a =", "a = 'x", "a b", "(a", "a IN 'x'", "nope(a)", "a ? b", "CASE END", "a LIKE", "Tags[1]", "NOT"]
    {
        assert!(Expression::read(text).is_err(), "{text}");
    }
    assert!(Expression::read(&format!("{}true{}", "(".repeat(5000), ")".repeat(5000))).is_err());
}

#[test]
fn twenty_thousand_terms_do_not_overflow_the_stack() {
    let terms: Vec<String> = (0..20_000).map(|term| format!("a = '{term}'")).collect();
    assert_eq!(eval(&terms.join(" OR ")), "false");
    let nots = format!("{}true", "NOT ".repeat(100));
    assert_eq!(eval(&nots), "true");
}
