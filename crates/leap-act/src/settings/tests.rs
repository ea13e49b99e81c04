//! Settings in the user's notation, and their faults as people read them.

use std::sync::Arc;

use leap_terms::{Fault, MessageKind, TeamId, fault};
use serde::Deserialize;

use super::build::Edge;
use super::*;
use crate::egress::SystemNames;
use crate::message::Urgency;
use crate::message::tests::message;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct File {
    channels: Vec<ChannelSettings>,
    egress: EgressSettings,
}

fn checked(text: &str) -> Result<(Vec<Checked>, CheckedEgress), String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    let egress = check_egress(&file.egress, text).map_err(|faults| fault::list(&faults))?;
    let channels = check(&file.channels, text).map_err(|faults| fault::list(&faults))?;
    Ok((channels, egress))
}

fn built(text: &str) -> Result<Built, String> {
    let (channels, egress) = checked(text)?;
    let secrets = |source: &SecretSource| match source {
        SecretSource::Variable(name) if name == "SLACK" => Ok("https://hooks.slack.com/services/s3cret".to_owned()),
        SecretSource::Variable(name) if name == "HERE" => Ok("https://127.0.0.1/s3cret".to_owned()),
        SecretSource::Variable(name) if name == "SIGNING" => Ok("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()),
        SecretSource::Variable(name) if name == "KEY" => Ok("0123456789abcdef0123456789abcdef".to_owned()),
        SecretSource::File(_) => Ok("hunter2\n".to_owned()),
        other => Err(format!("{other} is not set")),
    };
    let edge = Edge { secrets: &secrets, names: Arc::new(SystemNames), roots: Vec::new(), site: None, text };
    build(channels, &egress, &edge).map_err(|faults: Vec<Fault>| fault::list(&faults))
}

const ALL: &str = r#"
[[channels]]
name = "finops"
type = "slack"
address_variable = "SLACK"
signing_secret_file = "signing"
kinds = ["budget_breached", "opportunity_found"]
quiet = "20:00-08:00"
quiet_weekends = true
zone = "CET-1CEST,M3.5.0,M10.5.0/3"
cap = 2
digest = "monday 09:00"

[[channels]]
name = "pager"
type = "pagerduty"
routing_key_variable = "KEY"
units = ["commerce"]

[[channels]]
name = "alerts"
type = "alertmanager"
address = "http://alertmanager.inner:9093/api/v2/alerts"

[[channels]]
name = "events"
type = "webhook"
address = "https://hooks.example.com/leap"
secret_variable = "SIGNING"
second_secret_variable = "SIGNING"

[[channels]]
name = "mail"
type = "smtp"
host = "mail.example.com"
user = "leap"
password_file = "password"
from = "leap <leap@example.com>"
to = ["finops@example.com", "Ana Silva <ana@example.com>"]
unsubscribe = "https://leap.example.com/account"

[[channels]]
name = "log"
type = "file"
path = "messages.jsonl"

[egress]
allow = ["alertmanager.inner", "10.0.0.0/8"]
unencrypted = ["alertmanager.inner"]
"#;

#[test]
fn settings_make_channels_and_routes() {
    let built = built(ALL).map_err(|why| panic!("{why}")).unwrap();
    let unit = |text: &str| TeamId::new(text).unwrap();
    let path = [unit("acme"), unit("commerce"), unit("payments")];
    let routes = |kind: MessageKind, urgency: Urgency, path: &[TeamId]| {
        let said = message(|content| (content.kind, content.urgency) = (kind, urgency));
        built.routes.of(&said, path).join(" ")
    };
    assert_eq!(routes(MessageKind::BudgetBreached, Urgency::Alert, &path), "alerts events finops log mail pager");
    assert_eq!(routes(MessageKind::BudgetBreached, Urgency::Alert, &path[..1]), "alerts events finops log mail");
    assert_eq!(routes(MessageKind::OpportunityFound, Urgency::Nudge, &path), "events finops log mail");
    assert_eq!(routes(MessageKind::DriftFound, Urgency::Alert, &path), "alerts events log mail pager");
    assert_eq!(routes(MessageKind::ChannelTested, Urgency::Alert, &path), "");
    assert_eq!(built.signing_secrets.keys().collect::<Vec<_>>(), ["finops"]);
    let (channels, _) = checked(ALL).unwrap();
    let manners = &channels[0].manners;
    let quiet = manners.quiet.unwrap();
    assert_eq!((quiet.from, quiet.until, quiet.weekends), (1200, 480, true));
    assert_eq!(manners.cap.map(|cap| (cap.nudges, cap.days)), Some((2, 7)));
    assert_eq!(manners.digest.map(|digest| (digest.minute, digest.weekday)), Some((540, Some(1))));
    assert_eq!(channels[1].manners, crate::policy::Manners::default());
}

#[test]
fn faults_name_line_column_rule_and_remedy() {
    let slack = "[[channels]]\nname = \"a\"\ntype = \"slack\"\naddress_variable = \"SLACK\"\n";
    let cases = [
        (
            "[[channels]]\nname = \"a\"\ntype = \"slack\"\n".to_owned(),
            "leap.toml:2:8: channels.a: it does not say where its address is\n    2 | name = \
             \"a\"\n      |        ^^^\n  help: \
             address_variable = \"…\" names a variable of the environment, address_file = \"…\" a file",
        ),
        (
            format!("{slack}routing_key_variable = \"KEY\"\n"),
            "leap.toml:5:24: channels.a: routing_key_variable is no setting of a channel of type slack\n    5 | \
             routing_key_variable = \"KEY\"\n      |                        ^^^^^\n  help: it has address_variable, \
             address_file, signing_secret_variable, signing_secret_file",
        ),
        (
            format!("{slack}kinds = [\"budget_breach\"]\n"),
            "leap.toml:5:10: channels.a: kinds: 'budget_breach' is no kind of message; did you mean \
             budget_breached?\n    5 | \
             kinds = [\"budget_breach\"]\n      |          ^^^^^^^^^^^^^^^",
        ),
        (
            format!("{slack}quiet = \"20-08\"\n"),
            "leap.toml:5:9: channels.a: quiet: '20-08' are no hours such as 20:00-08:00\n    5 | quiet = \
             \"20-08\"\n      |         ^^^^^^^",
        ),
        (
            format!("{slack}digest = \"weekly 09:00\"\n"),
            "leap.toml:5:10: channels.a: digest: 'weekly 09:00' is no time of digests such as daily 09:00, or \
             monday 09:00\n    \
             5 | digest = \"weekly 09:00\"\n      |          ^^^^^^^^^^^^^^",
        ),
        (
            format!("{slack}cap = 0\n"),
            "leap.toml:5:7: channels.a: cap is 0\n    5 | cap = 0\n      |       ^\n  help: to send no nudges, \
             name the kinds \
             that the channel gets",
        ),
        // What may be a secret is not shown.
        (
            slack.replace("SLACK", "https://hooks.slack.com/services/s3cret"),
            "leap.toml:4: channels.a: address_variable names no variable\n  help: write the name of an environment \
             variable, such as LEAP_SECRET; a secret itself does not belong into this file",
        ),
        (
            format!("{slack}{slack}"),
            "leap.toml:6:8: channels.a: another channel has this name\n    6 | name = \
             \"a\"\n      |        ^^^\n  help: name each \
             one differently",
        ),
        (
            "[[channels]]\nname = \"a\"\ntype = \"webhook\"\nsecret_variable = \"S\"\naddress = \
             \"https://ana:pw@a.example\"\n"
                .to_owned(),
            "leap.toml:5: channels.a: address: it has a user or password in it, and secrets do not belong into \
             this file",
        ),
        (
            "[egress]\nallow = [\"10.0.0.1/8\"]\n".to_owned(),
            "leap.toml:2:10: egress: allow: '10.0.0.1/8' is no network such as 10.0.0.0/8: the address goes on \
             behind its \
             network\n    2 | allow = [\"10.0.0.1/8\"]\n      |          ^^^^^^^^^^^^",
        ),
        (
            "[egress]\nrequest_seconds = 0\n".to_owned(),
            "leap.toml: egress: request_seconds is 0\n  help: 1 to 20: a message is tried again, and others \
             wait behind it",
        ),
    ];
    for (text, wanted) in cases {
        assert_eq!(checked(&text).map(|_| ()).unwrap_err(), wanted, "{text}");
    }
    // Unknown keys, and secrets inline among them, are refused by the reader with their line.
    let inline = checked(&format!("{slack}address = 1\n")).map(|_| ()).unwrap_err();
    assert!(inline.contains("line 5, column 11"), "{inline}");
    let unknown = checked(&format!("{slack}password = \"x\"\n")).map(|_| ()).unwrap_err();
    assert!(unknown.contains("unknown field `password`"), "{unknown}");
}

#[test]
fn mail_needs_what_mail_needs() {
    let mail = "[[channels]]\nname = \"m\"\ntype = \"smtp\"\n";
    let whole = format!("{mail}host = \"mail.example.com\"\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\n");
    assert!(checked(&whole).is_ok());
    let cases = [
        (mail.to_owned(), "it has no host"),
        (mail.to_owned(), "it has no from"),
        (mail.to_owned(), "it has 0 recipients"),
        (
            whole.replace("b@example.com", "b@example.com\\r\\nBcc: c@example.com"),
            "is no address such as finops@example.com",
        ),
        (whole.replace("b@example.com", "bé@example.com"), "is no address such as finops@example.com"),
        (format!("{whole}user = \"u\"\n"), "user without a password"),
        (format!("{whole}password_variable = \"P\"\n"), "a password without user"),
        (
            format!("{whole}encryption = \"none\"\nuser = \"u\"\npassword_variable = \"P\"\n"),
            "a password would go there unencrypted",
        ),
        (format!("{whole}encryption = \"ssl\"\n"), "'ssl' is none of tls, starttls and none"),
    ];
    for (text, wanted) in cases {
        let said = checked(&text).map(|_| ()).unwrap_err();
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
}

#[test]
fn what_the_guard_or_a_service_would_refuse_is_found_at_the_start() {
    let cases = [
        (ALL.replace("\"SLACK\"", "\"NOBODY\""), "channels.finops: the variable NOBODY is not set"),
        (ALL.replace("\"SLACK\"", "\"KEY\""), "channels.finops: the variable KEY holds no address"),
        (
            ALL.replace("\"SLACK\"", "\"HERE\""),
            "channels.finops: 127.0.0.1 is this machine itself; where messages may go there",
        ),
        (ALL.replace("\"KEY\"", "\"SLACK\""), "channels.pager: the variable SLACK holds no routing key of PagerDuty"),
        (
            ALL.replace("\"SIGNING\"", "\"SLACK\""),
            "channels.events: the variable SLACK: it is no secret such as whsec_ and Base64",
        ),
        (
            ALL.replace("unencrypted = [\"alertmanager.inner\"]", ""),
            "channels.alerts: the way to alertmanager.inner is not encrypted; encrypt it, or name alertmanager.inner",
        ),
    ];
    for (text, wanted) in cases {
        let said = built(&text).map(|_| ()).unwrap_err();
        assert!(said.contains(wanted), "{wanted}: {said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
}
