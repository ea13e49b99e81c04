//! What each service hears, and what becomes of what it answers.

use std::sync::Arc;

use leap_act::channels::Channel;
use leap_act::channels::alertmanager::Alertmanager;
use leap_act::channels::pagerduty::PagerDuty;
use leap_act::channels::slack::Slack;
use leap_act::channels::webhook::{SigningKey, Webhook};
use leap_act::egress::{Client, ClientSettings};
use leap_act::policy::{Cause, Failure, Outcome};
use leap_act::secret::Secret;

use super::server::{Reply, Server};
use super::{NOW, at, client, guard, message, settings};

/// All channels of HTTP, to one host and port.
pub(crate) fn channels(client: &Client, url: impl Fn(&str) -> String) -> Vec<(&'static str, Box<dyn Channel>)> {
    let slack = Slack { client: client.clone(), address: Secret::new(&url("/slack")).unwrap(), answers: true };
    let routing_key = Secret::new("0123456789abcdef0123456789abcdef").unwrap();
    let pagerduty = PagerDuty { client: client.clone(), address: url("/pagerduty").parse().unwrap(), routing_key };
    let alertmanager = Alertmanager {
        client: client.clone(),
        address: url("/alertmanager").parse().unwrap(),
        token: Some(Secret::new("t0ken").unwrap()),
        firing_hours: 48,
    };
    let webhook = webhook(client, &url("/webhook"));
    vec![
        ("Slack", Box::new(slack)),
        ("PagerDuty", Box::new(pagerduty)),
        ("Alertmanager", Box::new(alertmanager)),
        ("the webhook's receiver", Box::new(webhook)),
    ]
}

pub(crate) fn webhook(client: &Client, url: &str) -> Webhook {
    Webhook {
        client: client.clone(),
        address: url.parse().unwrap(),
        source: "/leap".to_owned(),
        key: SigningKey::new(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()).unwrap(),
        second_key: None,
    }
}

#[tokio::test]
async fn each_service_hears_its_own_notation() {
    let server = Server::start(|_, _| Reply::Say(200, Vec::new(), "ok".to_owned())).await;
    let said = message(|_| {});
    for (name, channel) in channels(&client(), |path| server.url("hooks.test", path)) {
        let outcome = channel.send(&said, 1, at(NOW)).await;
        assert_eq!(outcome, Outcome::Delivered(format!("{name} answered 200")));
    }
    let heard = server.heard();
    let lines: Vec<&str> = heard.iter().map(|heard| heard.line.as_str()).collect();
    let wanted = ["/slack", "/pagerduty", "/alertmanager", "/webhook"].map(|path| format!("POST {path} HTTP/1.1"));
    assert_eq!(lines, wanted);
    for one in &heard {
        assert_eq!(one.header("host"), Some(format!("hooks.test:{}", server.address.port()).as_str()));
        assert!(one.header("user-agent").unwrap().starts_with("leap/"));
        assert!(one.header("cookie").is_none() && one.header("referer").is_none());
        assert!(serde_json::from_str::<serde_json::Value>(&one.body).is_ok());
    }
    assert_eq!(heard[0].header("content-type"), Some("application/json; charset=utf-8"));
    assert!(heard[0].body.starts_with(r#"{"text":"🔴 payments is 2.31 %"#), "{}", heard[0].body);
    assert!(heard[1].body.contains(r#""event_action":"trigger","dedup_key":"leap:payments:budget-7:2026-09""#));
    assert_eq!(heard[2].header("authorization"), Some("Bearer t0ken"));
    assert!(heard[2].body.starts_with(r#"[{"labels":{"alertname":"LeapBudgetBreached""#), "{}", heard[2].body);
    assert_eq!(heard[3].header("content-type"), Some("application/cloudevents+json; charset=utf-8"));
    assert_eq!(heard[3].header("webhook-id"), Some("leap:budget_breached:payments:budget-7:2026-09"));
    assert_eq!(heard[3].header("webhook-timestamp"), Some("1789632005"));
    assert!(heard[3].header("webhook-signature").unwrap().starts_with("v1,"));
}

/// The cause and what was said, or nothing where it was delivered.
fn failure(outcome: &Outcome) -> Option<Failure> {
    match outcome {
        Outcome::Delivered(_) => None,
        Outcome::Failed(failure) => Some(failure.clone()),
        Outcome::Skipped(why) => panic!("{why}"),
    }
}

#[tokio::test]
async fn what_a_service_does_has_one_meaning() {
    let retry = |value: &str| Reply::Say(429, vec![("retry-after", value.to_owned())], "rate_limited".to_owned());
    let cases = [
        (Reply::status(400), Some(Cause::Refused), None),
        (Reply::status(403), Some(Cause::Refused), None),
        (Reply::status(404), Some(Cause::Refused), None),
        (Reply::status(410), Some(Cause::Refused), None),
        (Reply::status(303), Some(Cause::Refused), None),
        (Reply::status(500), Some(Cause::Broken), None),
        (Reply::status(503), Some(Cause::Broken), None),
        (retry("120"), Some(Cause::Busy), Some("2026-09-17T08:02:05Z")),
        (retry("Thu, 17 Sep 2026 09:00:00 GMT"), Some(Cause::Busy), Some("2026-09-17T09:00:00Z")),
        (retry("soon"), Some(Cause::Busy), None),
        (Reply::Cut, Some(Cause::Uncertain), None),
        (Reply::CutInHead, Some(Cause::Uncertain), None),
        (Reply::Silence, Some(Cause::Uncertain), None),
        (Reply::CutInBody(200), None, None),
        (Reply::CutInBody(500), Some(Cause::Broken), None),
        (Reply::Drip(200), None, None),
        (Reply::Flood(200, 20 << 20), None, None),
        (Reply::Flood(400, 20 << 20), Some(Cause::Refused), None),
        (Reply::redirect(307, "/again"), Some(Cause::Blocked), None),
    ];
    let short = ClientSettings { whole: std::time::Duration::from_secs(2), ..settings() };
    let short = Client::new(Arc::new(guard()), &short).unwrap();
    let patient = client();
    for (reply, cause, not_before) in cases {
        let script = reply.clone();
        let server = Server::start(move |_, _| script.clone()).await;
        let said = message(|_| {});
        let client = if matches!(reply, Reply::Silence | Reply::Drip(_)) { &short } else { &patient };
        let channels = channels(client, |path| server.url("hooks.test", path));
        let sent = channels.iter().map(|(name, channel)| async { (*name, channel.send(&said, 1, at(NOW)).await) });
        for (name, outcome) in futures::future::join_all(sent).await {
            let failure = failure(&outcome);
            assert_eq!(failure.as_ref().map(|failure| failure.cause), cause, "{name} {reply:?}: {outcome:?}");
            assert_eq!(failure.as_ref().and_then(|failure| failure.not_before), not_before.map(at), "{name} {reply:?}");
            let words = failure.map(|failure| failure.said).unwrap_or_default();
            assert!(words.len() < 400 && !words.contains("/slack") && !words.contains("t0ken"), "{words}");
        }
    }
}

#[tokio::test]
async fn the_words_of_a_service_are_kept_and_those_of_strangers_are_not() {
    let server = Server::start(|_, heard| {
        let word = if heard.line.contains("/slack") {
            "channel_is_archived"
        } else {
            "root:x:0:0 <b> 0123456789abcdef0123456789abcdef"
        };
        Reply::Say(400, Vec::new(), word.to_owned())
    })
    .await;
    let mut said = Vec::new();
    for (_, channel) in channels(&client(), |path| server.url("hooks.test", path)) {
        said.push(failure(&channel.send(&message(|_| {}), 1, at(NOW)).await).unwrap().said);
    }
    assert_eq!(
        said,
        [
            "Slack answered 400: channel_is_archived",
            "PagerDuty answered 400: root:x:0:0 <b> …",
            "Alertmanager answered 400",
            "the webhook's receiver answered 400"
        ]
    );
}

#[tokio::test]
async fn nobody_there_is_told_as_such() {
    let server = Server::start(|_, _| Reply::status(200)).await;
    let closed = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    for (_, channel) in channels(&client(), |path| format!("http://hooks.test:{closed}{path}")) {
        let failure = failure(&channel.send(&message(|_| {}), 1, at(NOW)).await).unwrap();
        assert_eq!(failure.cause, Cause::Unreachable);
        assert_eq!(failure.said, "hooks.test cannot be reached: connection refused");
    }
    // A server that speaks no TLS.
    let port = server.address.port();
    for (_, channel) in channels(&client(), |path| format!("https://hooks.test:{port}{path}")) {
        let failure = failure(&channel.send(&message(|_| {}), 1, at(NOW)).await).unwrap();
        assert_eq!(failure.cause, Cause::Unreachable, "{}", failure.said);
    }
    assert!(server.heard().is_empty());
}
