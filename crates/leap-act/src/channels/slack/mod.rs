//! Slack: Block Kit to an incoming webhook, and buttons that come back signed ([`inbound`]).
//!
//! ```text
//! header    payments is 2.31 % over its budget of 2026-09
//! section   what changed, by how much, since when
//! fields    *Budget* 120,000.00 USD   *Actual* 122,772.00 USD
//! actions   [Explain] [Snooze 7d] [Not mine]        links to the site, and answers where the app takes them
//! context   snapshot 12 · leap:budget_breached:payments:budget-7:2026-09
//! ```
//! The webhook's address is the secret. It knows no idempotency: after a kill between sending and recording a message
//! stands twice, with the same key in its last line. Limits, from Slack's reference: 50 blocks, a section's text 3,000,
//! a header 150, a button's text 75 and value 2,000, 25 elements, 10 fields of 2,000; the whole near 13,200, so 10,000
//! here; a message a second. Texts are escaped (`& < >`) and `verbatim`, so that no mention, link or channel in them
//! becomes one.

pub mod inbound;

use std::time::Duration;

use leap_terms::Instant;
use reqwest::Url;
use serde_json::{Value, json};

use super::{Channel, Sending, json_type};
use crate::egress::{Client, Request};
use crate::message::{Content, Message, Severity};
use crate::policy::{Cause, Outcome, Service};
use crate::secret::Secret;
use crate::text::{clean, fitted, plain, units};

const HEADER: usize = 150;
const SECTION: usize = 3_000;
const FIELD: usize = 2_000;
const FIELDS: usize = 10;
const BUTTON: usize = 75;
const BUTTONS: usize = 25;
const ADDRESS: usize = 3_000;
const BLOCKS: usize = 50;
const WHOLE: usize = 10_000;
/// Of the whole: header, fallback, context and buttons, which are always there.
const FRAME: usize = 2_500;

/// A channel of Slack.
#[derive(Clone, Debug)]
pub struct Slack {
    /// What sends.
    pub client: Client,
    /// The incoming webhook's address, which is secret.
    pub address: Secret,
    /// Whether the app takes answers: it has an address for interactivity, and we its signing secret.
    pub answers: bool,
}

/// For Slack's notation.
fn escape(letter: char, out: &mut String) {
    match letter {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        _ => out.push(letter),
    }
}

fn text(text: String) -> Value {
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}

fn plain_text(text: &str, most: usize) -> Value {
    json!({ "type": "plain_text", "text": fitted(text, most, escape), "emoji": false })
}

/// What is left of the whole message's length.
struct Room(usize);

impl Room {
    /// As much of a text as fits into this block and what is left; `None` where it is less than is worth showing.
    fn take(&mut self, said: &str, most: usize) -> Option<String> {
        if self.0 < 40 {
            return None;
        }
        let written = fitted(said, most.min(self.0), escape);
        self.0 -= units(&written);
        Some(written)
    }
}

impl Slack {
    /// The body.
    pub fn body(&self, message: &Message) -> String {
        let content = message.content();
        let mark = match content.severity {
            Severity::Info => "",
            Severity::Warning => "⚠ ",
            Severity::Error | Severity::Critical => "🔴 ",
        };
        let title = format!("{mark}{}", content.title);
        let mut blocks = vec![json!({ "type": "header", "text": plain_text(&title, HEADER) })];
        let mut room = Room(WHOLE - FRAME);
        let mut left_out = sections(content, &mut room, &mut blocks);
        left_out |= fields(content, &mut room, &mut blocks);
        if left_out {
            blocks.push(json!({ "type": "section", "text": text("_The rest is on the site._".to_owned()) }));
        }
        let buttons = self.buttons(message);
        if !buttons.is_empty() {
            blocks.push(json!({ "type": "actions", "block_id": "leap.actions", "elements": buttons }));
        }
        let snapshot = content.snapshot.as_ref().map(|id| format!("snapshot {id} · ")).unwrap_or_default();
        let context = format!("{snapshot}{}", message.key());
        blocks.push(json!({ "type": "context", "elements": [text(fitted(&context, 500, escape))] }));
        json!({
            "text": fitted(&title, TITLE_FALLBACK, escape),
            "blocks": blocks,
            "unfurl_links": false,
            "unfurl_media": false,
        })
        .to_string()
    }

    /// Links first: an approval is one of them, and nothing else.
    fn buttons(&self, message: &Message) -> Vec<Value> {
        let content = message.content();
        // A button whose address was cut would lead elsewhere.
        let links =
            content.links.iter().filter(|link| units(&link.address) <= ADDRESS).enumerate().map(|(at, link)| {
                json!({
                    "type": "button",
                    "text": plain_text(&link.label, BUTTON),
                    "url": link.address,
                    "action_id": format!("leap.link.{at}"),
                })
            });
        let answers = content.answers.iter().filter(|_| self.answers).map(|answer| {
            json!({
                "type": "button",
                "text": plain_text(answer.label(), BUTTON),
                "action_id": format!("leap.{}", answer.word()),
                "value": message.key().as_str(),
            })
        });
        links.chain(answers).take(BUTTONS).collect()
    }

    /// The request.
    ///
    /// # Errors
    /// In words, where the secret is no address.
    pub fn request(&self, message: &Message) -> Result<Request, &'static str> {
        let url: Url = self.address.reveal().parse().map_err(|_| "the address of Slack's webhook is none")?;
        Ok(Request { url, headers: vec![json_type()], body: self.body(message).into_bytes(), carries_secret: true })
    }
}

/// Characters of the text that stands in notifications.
const TITLE_FALLBACK: usize = 400;

/// Sentences as sections, several in one while they fit; true where some were left out.
fn sections(content: &Content, room: &mut Room, blocks: &mut Vec<Value>) -> bool {
    let said = content.sentences.join("\n");
    if said.is_empty() {
        return false;
    }
    let whole = units(&fitted(&said, usize::MAX, escape));
    let Some(shown) = room.take(&said, SECTION) else { return true };
    let is_cut = units(&shown) < whole;
    blocks.push(json!({ "type": "section", "text": text(shown) }));
    is_cut
}

/// Fields, ten to a section; true where some were left out.
fn fields(content: &Content, room: &mut Room, blocks: &mut Vec<Value>) -> bool {
    let mut left_out = false;
    let mut shown = Vec::new();
    for field in &content.fields {
        let label = fitted(&field.label, 100, escape);
        let frame = units(&label) + 3;
        room.0 = room.0.saturating_sub(frame);
        match room.take(&field.value, FIELD - frame) {
            Some(value) => shown.push(text(format!("*{label}*\n{value}"))),
            None => {
                left_out = true;
                break;
            }
        }
    }
    for some in shown.chunks(FIELDS) {
        // Header, sections, rest, buttons and context leave room for more than these.
        debug_assert!(blocks.len() < BLOCKS - 3, "fields of one message fill five sections");
        blocks.push(json!({ "type": "section", "fields": some }));
    }
    left_out
}

impl Channel for Slack {
    fn send<'a>(&'a self, message: &'a Message, _attempt: u32, now: Instant) -> Sending<'a> {
        Box::pin(async move {
            let request = match self.request(message) {
                Ok(request) => request,
                Err(why) => return Outcome::failed(Cause::Refused, why),
            };
            match self.client.send(&request).await {
                Ok(answer) => match answer.outcome(Service::Slack, now) {
                    Outcome::Failed(mut failure) => {
                        // A word such as `channel_is_archived`; anything else is not Slack's.
                        let words = clean(&String::from_utf8_lossy(&answer.body));
                        let is_word = words.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
                        if is_word && !words.is_empty() {
                            failure.said = format!("{}: {}", failure.said, fitted(&words, 60, plain));
                        }
                        Outcome::Failed(failure)
                    }
                    other => other,
                },
                Err(outcome) => outcome,
            }
        })
    }

    fn pace(&self) -> Duration {
        Duration::from_secs(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::{ClientSettings, Guard, SystemNames};
    use crate::message::tests::message;
    use crate::message::{Answer, Field, Link};
    use std::sync::Arc;

    fn slack(answers: bool) -> Slack {
        let guard = Arc::new(Guard::new([], [], Arc::new(SystemNames)));
        Slack {
            client: Client::new(guard, &ClientSettings::default()).unwrap(),
            address: Secret::new("https://hooks.slack.com/services/T0/B0/secret").unwrap(),
            answers,
        }
    }

    #[test]
    fn a_message_is_blocks() {
        let said = message(|content| content.answers = vec![Answer::Snooze7d, Answer::NotMine]);
        assert_eq!(
            slack(true).body(&said),
            concat!(
                r#"{"text":"🔴 payments is 2.31 % over its budget of 2026-09","blocks":[{"type":"header","#,
                r#""text":{"type":"plain_text","text":"🔴 payments is 2.31 % over its budget of 2026-09","#,
                r#""emoji":false}},"#,
                r#"{"type":"section","text":{"type":"mrkdwn","text":"The budget was exceeded on 2026-09-16.","#,
                r#""verbatim":true}},"#,
                r#"{"type":"section","fields":[{"type":"mrkdwn","text":"*Budget*\n120,000.00 USD","verbatim":true},"#,
                r#"{"type":"mrkdwn","text":"*Actual*\n122,772.00 USD","verbatim":true}]},"#,
                r#"{"type":"actions","block_id":"leap.actions","elements":[{"type":"button","#,
                r#""text":{"type":"plain_text","text":"Explain","emoji":false},"#,
                r#""url":"https://leap.example.com/team/payments?period=2026-09","action_id":"leap.link.0"},"#,
                r#"{"type":"button","text":{"type":"plain_text","text":"Snooze 7d","emoji":false},"#,
                r#""action_id":"leap.snooze_7d","#,
                r#""value":"leap:budget_breached:payments:budget-7:2026-09"},"#,
                r#"{"type":"button","text":{"type":"plain_text","text":"Not mine","emoji":false},"#,
                r#""action_id":"leap.not_mine","#,
                r#""value":"leap:budget_breached:payments:budget-7:2026-09"}]},"#,
                r#"{"type":"context","elements":[{"type":"mrkdwn","#,
                r#""text":"snapshot 12 · leap:budget_breached:payments:budget-7:2026-09","verbatim":true}]}],"#,
                r#""unfurl_links":false,"unfurl_media":false}"#
            )
        );
        let body = slack(false).body(&said);
        assert!(!body.contains("snooze_7d") && body.contains("leap.link.0"), "{body}");
        let request = slack(false).request(&said).unwrap();
        assert!(request.carries_secret && !format!("{request:?} {:?}", slack(false)).contains("secret"));
    }

    #[test]
    fn strangers_mention_nobody() {
        let said = message(|content| {
            content.title = "<!channel> & <https://evil.example|your bank>".to_owned();
            content.fields = vec![Field { label: "<@U1>".to_owned(), value: "<script>".to_owned() }];
        });
        let value: Value = serde_json::from_str(&slack(true).body(&said)).unwrap();
        assert_eq!(value["text"], "🔴 &lt;!channel&gt; &amp; &lt;https://evil.example|your bank&gt;");
        assert_eq!(value["blocks"][2]["fields"][0]["text"], "*&lt;@U1&gt;*\n&lt;script&gt;");
    }

    #[test]
    fn what_is_long_stays_within_the_limits() {
        for filler in ["x", "<", "😀", "e\u{301}"] {
            let said = message(|content| {
                content.subject = filler.repeat(400);
                content.title = filler.repeat(4_000);
                content.sentences = vec![filler.repeat(3_000); 20];
                content.fields = vec![Field { label: filler.repeat(100), value: filler.repeat(2_000) }; 50];
                content.links = vec![Link { label: filler.repeat(100), address: "https://a.example/".to_owned() }; 10];
                content.answers = Answer::ALL.to_vec();
            });
            let body = slack(true).body(&said);
            let value: Value = serde_json::from_str(&body).unwrap();
            let blocks = value["blocks"].as_array().unwrap();
            assert!(blocks.len() <= BLOCKS);
            let mut whole = units(value["text"].as_str().unwrap());
            let mut check = |text: &Value, most: usize| {
                let text = text["text"].as_str().unwrap();
                assert!(units(text) <= most, "{most} {text}");
                // No escape is cut.
                assert!(
                    text.split('&').skip(1).all(|rest| ["amp;", "lt;", "gt;"].iter().any(|end| rest.starts_with(end)))
                );
                whole += units(text);
            };
            for block in blocks {
                match block["type"].as_str().unwrap() {
                    "header" => check(&block["text"], HEADER),
                    "section" if block["text"].is_object() => check(&block["text"], SECTION),
                    "section" => {
                        let fields = block["fields"].as_array().unwrap();
                        assert!(fields.len() <= FIELDS);
                        fields.iter().for_each(|field| check(field, FIELD));
                    }
                    "actions" => {
                        block["elements"].as_array().unwrap().iter().for_each(|one| check(&one["text"], BUTTON))
                    }
                    "context" => block["elements"].as_array().unwrap().iter().for_each(|one| check(one, 500)),
                    other => panic!("{other}"),
                }
            }
            assert!(whole <= WHOLE, "{whole}");
            assert!(body.contains("_The rest is on the site._"));
        }
    }
}
