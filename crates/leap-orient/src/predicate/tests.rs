//! Predicates: values under three-valued logic, and every error message with its place.

use expect_test::{Expect, expect};

use super::*;

/// The value of a condition for a charge given as `field=value` pairs.
fn value(source: &str, facts: &[(&str, &str)]) -> Option<bool> {
    let mut fields = Fields::default();
    let predicate = Predicate::parse(source, &mut fields).unwrap_or_else(|error| panic!("{source}: {error}"));
    let names: Vec<String> = fields.all().iter().map(Field::to_string).collect();
    let values: Vec<Option<&str>> =
        names.iter().map(|name| facts.iter().find(|(fact, _)| fact == name).map(|(_, value)| *value)).collect();
    predicate.truth.value(Row { fields: &values, truths: &[] })
}

fn text(source: &str, facts: &[(&str, &str)]) -> Option<String> {
    let mut fields = Fields::default();
    let expression = TextExpression::parse(source, &mut fields).unwrap_or_else(|error| panic!("{source}: {error}"));
    let names: Vec<String> = fields.all().iter().map(Field::to_string).collect();
    let values: Vec<Option<&str>> =
        names.iter().map(|name| facts.iter().find(|(fact, _)| fact == name).map(|(_, value)| *value)).collect();
    expression.text.value(Row { fields: &values, truths: &[] }).map(std::borrow::Cow::into_owned)
}

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);
const UNKNOWN: Option<bool> = None;

#[test]
fn unknown_is_neither_true_nor_false() {
    let facts = [("RegionId", "eu")];
    for (source, expected) in [
        ("RegionId = 'eu'", YES),
        ("RegionId <> 'eu'", NO),
        ("SkuId = 'x'", UNKNOWN),
        ("NOT SkuId = 'x'", UNKNOWN),
        ("SkuId = 'x' OR RegionId = 'eu'", YES),
        ("SkuId = 'x' OR RegionId = 'us'", UNKNOWN),
        ("SkuId = 'x' AND RegionId = 'eu'", UNKNOWN),
        ("SkuId = 'x' AND RegionId = 'us'", NO),
        ("SkuId IN ('x', 'y')", UNKNOWN),
        ("RegionId IN ('x', 'eu')", YES),
        ("RegionId IN ('x', NULL)", UNKNOWN),
        ("RegionId NOT IN ('x', NULL)", UNKNOWN),
        ("RegionId NOT IN ('x', 'eu')", NO),
        ("SkuId IS NULL", YES),
        ("SkuId IS NOT NULL", NO),
        ("(SkuId = 'x') IS UNKNOWN", YES),
        ("(SkuId = 'x') IS NOT TRUE", YES),
        ("(RegionId = 'eu') IS TRUE", YES),
        ("SkuId IS DISTINCT FROM 'x'", YES),
        ("SkuId IS NOT DISTINCT FROM SkuName", YES),
        ("RegionId BETWEEN 'a' AND 'f'", YES),
        ("RegionId NOT BETWEEN 'a' AND 'f'", NO),
        ("RegionId > 'e' AND RegionId <= 'eu'", YES),
        ("TRUE OR NULL", YES),
        ("NULL", UNKNOWN),
        ("NOT (NOT FALSE)", NO),
        ("RegionId = 'eu' OR SkuId = 'x' AND FALSE", YES),
        ("CASE WHEN SkuId = 'x' THEN TRUE ELSE RegionId = 'eu' END", YES),
        ("CASE RegionId WHEN 'us' THEN FALSE WHEN 'eu' THEN TRUE END", YES),
    ] {
        let source = source.replace("SkuName", "SkuMeter");
        assert_eq!(value(&source, &facts), expected, "{source}");
    }
}

#[test]
fn like_knows_its_wildcards_and_escapes() {
    for (pattern, name, expected) in [
        ("'pay-%'", "pay-1", YES),
        ("'pay-%'", "xpay-1", NO),
        ("'%-db'", "pay-db", YES),
        ("'%ay%'", "pay-db", YES),
        ("'pay'", "pay", YES),
        ("'p_y'", "pay", YES),
        ("'p_y'", "päy", YES),
        ("'p_y'", "py", NO),
        ("'%'", "", YES),
        ("''", "a", NO),
        ("'a%b%c'", "a-b\n-c", YES),
        ("'100\\%'", "100%", YES),
        ("'100\\%'", "1000", NO),
        ("'a.c'", "abc", NO),
        ("'100!%' ESCAPE '!'", "100%", YES),
        ("'PAY%'", "pay-1", NO),
    ] {
        assert_eq!(
            value(&format!("ResourceName LIKE {pattern}"), &[("ResourceName", name)]),
            expected,
            "{pattern} {name}"
        );
    }
    assert_eq!(value("ResourceName ILIKE 'PAY-_'", &[("ResourceName", "pay-1")]), YES);
    assert_eq!(value("ResourceName NOT LIKE 'x%'", &[("ResourceName", "pay-1")]), YES);
    assert_eq!(value("ResourceName NOT LIKE 'x%'", &[]), UNKNOWN);
    assert_eq!(value("ResourceName ~ '^PAY-[0-9]+$'", &[("ResourceName", "pay-12")]), NO);
    assert_eq!(value("ResourceName ~* '^PAY-[0-9]+$'", &[("ResourceName", "pay-12")]), YES);
    assert_eq!(value("ResourceName !~ 'z'", &[("ResourceName", "pay-12")]), YES);
    assert_eq!(value("regexp_like(ResourceName, 'PAY', 'i')", &[("ResourceName", "pay-12")]), YES);
}

#[test]
fn functions_do_what_sql_says() {
    let facts = [("RegionId", "Eu-West-1"), ("Tags['org']", "acme/pay/core"), ("SkuId", "  x  ")];
    for (source, expected) in [
        ("lower(RegionId)", Some("eu-west-1")),
        ("upper(RegionId)", Some("EU-WEST-1")),
        ("trim(SkuId)", Some("x")),
        ("ltrim(SkuId)", Some("x  ")),
        ("rtrim(SkuId) || '|'", Some("  x|")),
        ("btrim('xxaxx', 'x')", Some("a")),
        ("split_part(Tags['org'], '/', 2)", Some("pay")),
        ("split_part(Tags['org'], '/', -1)", Some("core")),
        ("split_part(Tags['org'], '/', 9)", Some("")),
        ("nullif(split_part(Tags['org'], '/', 9), '')", None),
        ("coalesce(Tags['team'], Tags['org'], 'z')", Some("acme/pay/core")),
        ("Tags['team'] || 'x'", None),
        ("concat(Tags['team'], 'x', RegionId)", Some("xEu-West-1")),
        ("substr(RegionId, 4)", Some("West-1")),
        ("substring(RegionId, 4, 4)", Some("West")),
        ("substring(RegionId FROM 1 FOR 2)", Some("Eu")),
        ("substr('äöü', 2, 1)", Some("ö")),
        ("substr('abc', 0, 2)", Some("a")),
        ("left(RegionId, 2)", Some("Eu")),
        ("left(RegionId, -2)", Some("Eu-West")),
        ("right(RegionId, 1)", Some("1")),
        ("right('abc', -1)", Some("bc")),
        ("right('abc', 9)", Some("abc")),
        ("replace(Tags['org'], '/', '.')", Some("acme.pay.core")),
        ("regexp_replace(RegionId, '-[0-9]$', '')", Some("Eu-West")),
        ("regexp_replace('a1b2', '([a-z])([0-9])', '\\2\\1', 'g')", Some("1a2b")),
        ("regexp_replace('a1b2', '[0-9]', '$')", Some("a$b2")),
        ("regexp_substr(Tags['org'], '/([a-z]+)/')", Some("pay")),
        ("CASE WHEN length(RegionId) > 3 THEN 'long' ELSE 'short' END", Some("long")),
        ("CASE RegionId WHEN 'x' THEN 'y' END", None),
        ("'' || length(RegionId)", Some("9")),
        ("'' || strpos(Tags['org'], 'pay')", Some("6")),
        ("'it''s'", Some("it's")),
    ] {
        assert_eq!(text(source, &facts).as_deref(), expected, "{source}");
    }
    assert_eq!(
        value("starts_with(RegionId, 'Eu') AND ends_with(RegionId, '1') AND contains(RegionId, 'West')", &facts),
        YES
    );
    assert_eq!(value("starts_with(RegionId, left(RegionId, 3))", &facts), YES);
    assert_eq!(value("strpos(RegionId, 'z') = 0 AND length(RegionId) BETWEEN 1 AND 9", &facts), YES);
}

#[test]
fn names_match_in_any_case_and_tags_in_theirs() {
    let mut fields = Fields::default();
    Predicate::parse(
        "servicename = 'x' AND \"ServiceName\" = 'y' AND tags['Team'] = Tags['team'] AND x_Cost = 'a'",
        &mut fields,
    )
    .unwrap();
    Predicate::parse("AllocatedTags['team'] = 'x' /* c */ -- d\n AND \"x_cost/center\" = 'a'", &mut fields).unwrap();
    let names: Vec<String> = fields.all().iter().map(Field::to_string).collect();
    assert_eq!(
        names,
        ["ServiceName", "Tags['Team']", "Tags['team']", "x_Cost", "AllocatedTags['team']", "x_cost/center"]
    );
    assert_eq!(parse_field("Tags['team']", &mut fields), Ok(2));
    assert_eq!(parse_field("x_cost/center", &mut fields), Ok(5));
    assert!(parse_field("lower(SkuId)", &mut fields).is_err());
}

fn fails(source: &str, expected: Expect) {
    let error = Predicate::parse(source, &mut Fields::default()).expect_err(source);
    let marked: String = source[error.offset..].chars().take(error.length).collect();
    let help = error.help.map_or_else(String::new, |help| format!("\n  help: {help}"));
    expected.assert_eq(&format!("{} at «{marked}»{help}", error.message));
}

#[test]
fn every_mistake_has_its_message() {
    fails(
        "ServicName = 'x'",
        expect![[r#"
        unknown column 'ServicName' at «ServicName»
          help: did you mean ServiceName?"#]],
    );
    fails(
        "ServiceName = \"AmazonEC2\"",
        expect![[r#"
        unknown column 'AmazonEC2' at «"AmazonEC2"»
          help: text is written in single quotes: 'AmazonEC2'"#]],
    );
    fails(
        "Banana = 'x'",
        expect![[r#"
        unknown column 'Banana' at «Banana»
          help: columns are those of FOCUS, the bill's own start with x_, tags are Tags['key']"#]],
    );
    fails(
        "BilledCost > 100",
        expect![[r#"
        BilledCost is an amount, and an owner cannot depend on it at «BilledCost»
          help: two charges of one resource must have one owner: use accounts, services, tags or resources"#]],
    );
    fails(
        "ChargePeriodStart >= '2026-09-01'",
        expect![[r#"
        ChargePeriodStart is a time, and a condition cannot read it at «ChargePeriodStart»
          help: date the rule instead: effective: {from: 2026-09-16}"#]],
    );
    fails(
        "BillingCurrency = 'USD'",
        expect![[r#"
        an owner cannot depend on BillingCurrency at «BillingCurrency»
          help: use InvoiceIssuerName, BillingAccountId or SubAccountId"#]],
    );
    fails(
        "x_LeapOwner = 'pay'",
        expect![[r#"
        'x_LeapOwner' is made by leap and is no fact of a charge at «x_LeapOwner»
          help: name a column of the bill"#]],
    );
    fails(
        "SubAccountId = 123456789012",
        expect![[r#"
        SubAccountId is text and cannot be compared with a number at «123456789012»
          help: quote it: '123456789012'"#]],
    );
    fails(
        "1.5 < SubAccountId",
        expect![[r#"
        SubAccountId is text and cannot be compared with a number at «1.5»
          help: quote it: '1.5'"#]],
    );
    fails(
        "SubAccountId IN ('1', 2)",
        expect![[r#"
        SubAccountId is text and cannot be compared with a number at «2»
          help: quote it: '2'"#]],
    );
    fails(
        "ServiceName",
        expect![[r#"
        a condition must be true or false, and this is text at «ServiceName»
          help: compare it: … = 'value', or … IS NOT NULL"#]],
    );
    fails(
        "ServiceName AND RegionId = 'x'",
        expect![[r#"
        AND joins conditions, and this is text at «ServiceName»
          help: compare it: … = 'value', or … IS NOT NULL"#]],
    );
    fails(
        "NOT 'x'",
        expect![[r#"
        NOT joins conditions, and this is text at «'x'»
          help: compare it: … = 'value', or … IS NOT NULL"#]],
    );
    fails(
        "ServiceName = NULL",
        expect![[r#"
        a comparison with NULL is never true at «ServiceName = NULL»
          help: write IS NULL or IS NOT NULL"#]],
    );
    fails(
        "(RegionId = 'x') = TRUE",
        expect![[r#"
        a condition cannot be compared at «(RegionId = 'x') = TRUE»
          help: write … IS TRUE or … IS FALSE"#]],
    );
    fails(
        "lower(ServiceName, 'x') = 'y'",
        expect![[r#"
        lower takes 1 argument, found 2 at «lower»
          help: write lower(text)"#]],
    );
    fails(
        "lowr(ServiceName) = 'y'",
        expect![[r#"
        unknown function 'lowr' at «lowr»
          help: did you mean lower?"#]],
    );
    fails("frobnicate(ServiceName)", expect!["unknown function 'frobnicate' at «frobnicate»"]);
    fails(
        "Tags[team] = 'x'",
        expect![[r#"
        expected a tag's key in single quotes, found 'team' at «team»
          help: write Tags['team']"#]],
    );
    fails("Tags['team' = 'x'", expect!["expected ']' after the tag's key, found '=' at «=»"]);
    fails(
        "ServiceName['x'] = 'y'",
        expect![[r#"
        ServiceName has no keys at «[»
          help: keys are read from tags: Tags['key']"#]],
    );
    fails("ServiceName LIKE RegionId", expect!["the pattern of LIKE must be a text in single quotes at «RegionId»"]);
    fails("ServiceName LIKE 'x\\'", expect![[r#"the pattern ends in its escape character \ at «'x\'»"#]]);
    fails("ServiceName LIKE 'x' ESCAPE 'ab'", expect!["ESCAPE takes one character at «'ab'»"]);
    fails("ServiceName ~ '('", expect!["bad regular expression: unclosed group at «'('»"]);
    fails(
        "ServiceName ~ '(a{1000}){1000}'",
        expect!["bad regular expression: Compiled regex exceeds size limit of 1048576 bytes at «'(a{1000}){1000}'»"],
    );
    fails(
        "ServiceName SIMILAR TO 'x'",
        expect![[r#"
        SIMILAR TO is not supported at «SIMILAR»
          help: use ~ with a regular expression"#]],
    );
    fails("ServiceName = 'x", expect!["unterminated string literal at «'»"]);
    fails(
        "ServiceName = ",
        expect!["expected a column, a tag, a text in single quotes or a function, found the end at « »"],
    );
    fails(
        "ServiceName = 'x' RegionId = 'y'",
        expect!["expected AND, OR or the end of the condition, found 'RegionId' at «RegionId»"],
    );
    fails("ServiceName = 'x';", expect!["expected the end of the condition, found ';' at «;»"]);
    fails(
        "ServiceName IN (SELECT 1)",
        expect![[r#"
        a condition cannot hold a query at «SELECT»
          help: put the list into a mapping: file.csv"#]],
    );
    fails("ServiceName + 1 = 2", expect!["a condition cannot calculate with + at «+»"]);
    fails("CAST(ServiceName AS INT) = 2", expect!["a condition cannot use CAST at «CAST»"]);
    fails("ServiceName NOT 'x'", expect!["expected IN, LIKE, ILIKE or BETWEEN after NOT, found 'x' at «'x'»"]);
    fails("ServiceName IS 'x'", expect!["expected NULL, TRUE, FALSE or DISTINCT FROM after IS, found 'x' at «'x'»"]);
    fails(
        "CASE END = 'x'",
        expect!["expected a column, a tag, a text in single quotes or a function, found 'END' at «END»"],
    );
    fails("split_part(ServiceName, '/', 0) = 'x'", expect!["parts are counted from 1 at «0»"]);
    fails("regexp_like(ServiceName, 'x', 'q')", expect!["unknown flag 'q'; flags are imsx at «'q'»"]);
    fails("length(ServiceName) = 1.5", expect!["expected a whole number at «1.5»"]);
    fails(
        "a.b = 'x'",
        expect![[r#"
        unknown column 'a' at «a»
          help: columns are those of FOCUS, the bill's own start with x_, tags are Tags['key']"#]],
    );
    fails("   ", expect!["the condition is empty at «   »"]);
    fails(
        "ä = 'x' AND Wrng = 'y'",
        expect![[r#"
        unknown column 'ä' at «ä»
          help: columns are those of FOCUS, the bill's own start with x_, tags are Tags['key']"#]],
    );
}

#[test]
fn large_conditions_are_read_flat_or_refused() {
    let terms = |count: usize| (0..count).map(|at| format!("SkuId='{at}'")).collect::<Vec<_>>();
    let fits = terms(3_000).join(" OR ");
    assert_eq!(value(&fits, &[("SkuId", "2999")]), YES);
    let error = Predicate::parse(&terms(20_000).join(" OR "), &mut Fields::default()).unwrap_err();
    assert!(error.message.contains("the limit is 65536"), "{error}");
    for deep in [
        "(".repeat(30_000),
        "NOT ".repeat(15_000),
        "lower(".repeat(10_000),
        "CASE WHEN ".repeat(6_000),
        "SkuId IS NULL".to_owned() + &" IS NULL".repeat(8_000),
    ] {
        let error = Predicate::parse(&deep, &mut Fields::default()).unwrap_err();
        assert!(error.message.contains("64"), "{error}");
    }
    let nested = format!("{}SkuId = 'x'{}", "(".repeat(60), ")".repeat(60));
    assert_eq!(value(&nested, &[("SkuId", "x")]), YES);
}

#[test]
fn a_condition_cannot_build_texts_without_bound() {
    let mut source = "RegionId".to_owned();
    for _ in 0..30 {
        source = format!("replace({source}, 'a', 'aaaaaaaaaa')");
    }
    assert_eq!(text(&source, &[("RegionId", "aaaaaaaa")]), None);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(source in "[ -~äé\n]{0,60}") {
        if let Err(error) = Predicate::parse(&source, &mut Fields::default()) {
            proptest::prop_assert!(error.offset <= source.len() && source.is_char_boundary(error.offset));
        }
    }

    #[test]
    fn no_order_of_words_makes_the_parser_panic(words in proptest::collection::vec(proptest::sample::select(vec![
        "SkuId", "Tags['a']", "=", "'x'", "1", "(", ")", "AND", "OR", "NOT", "IN", "LIKE", "IS", "NULL", "CASE", "WHEN", "THEN", "ELSE", "END", "BETWEEN",
        ",", "lower(", "||", "-", "~", "TRUE", "substr(", "ESCAPE", "DISTINCT", "FROM", "[", "]", "coalesce(",
    ]), 0..20)) {
        let _ = Predicate::parse(&words.join(" "), &mut Fields::default());
    }
}
