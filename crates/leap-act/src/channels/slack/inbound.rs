//! What comes back from Slack when somebody presses a button (`block_actions`).
//!
//! ```text
//! X-Slack-Request-Timestamp: 1789632005
//! X-Slack-Signature: v0=hex(HMAC-SHA256(signing secret, "v0:1789632005:" + body))
//! payload=%7B%22type%22%3A%22block_actions%22…
//! ```
//! Nothing is parsed before the signature is right, the time is within five minutes and the same press was not seen
//! before. The signature proves that Slack says so, not who may do what: whoever reads a [`Press`] asks who that user
//! is here. There is no press that approves: approvals are links to the site, which asks for a login.

use std::collections::HashMap;

use aws_lc_rs::hmac;
use leap_terms::{DedupKey, Instant};
use serde::Deserialize;

use crate::message::Answer;
use crate::policy::later;
use crate::secret::Secret;

/// Seconds that a timestamp may be away from now.
const SKEW_SECONDS: i64 = 300;
/// Seconds for which presses are remembered: longer than a timestamp is good in both directions.
const REMEMBERED_SECONDS: i64 = 601;
/// Presses that are remembered; beyond them new ones are refused, not old ones forgotten.
const REMEMBERED: usize = 100_000;
/// Bytes of a body: it holds the whole message that the button belongs to.
const BODY: usize = 256 << 10;
/// Actions in one payload; Slack sends one.
const ACTIONS: usize = 10;

/// A request as it came: all values of the two headers, and the body untouched.
#[derive(Clone, Copy, Debug)]
pub struct Inbound<'a> {
    /// Values of `X-Slack-Signature`.
    pub signatures: &'a [&'a [u8]],
    /// Values of `X-Slack-Request-Timestamp`.
    pub timestamps: &'a [&'a [u8]],
    /// The body.
    pub body: &'a [u8],
}

/// Why a request is none of Slack's, or nothing for us.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// The body is too long.
    #[error("the body is longer than 256 KiB")]
    TooLong,
    /// A header is missing, there twice, or no text of its form.
    #[error("a header of the signature is missing, doubled or malformed")]
    Header,
    /// The signature is not that of this body.
    #[error("the signature is wrong")]
    Signature,
    /// The time is too far away.
    #[error("the timestamp is more than five minutes away")]
    Time,
    /// It was here before.
    #[error("this press came before")]
    Replay,
    /// Too many presses in ten minutes.
    #[error("too many presses in ten minutes")]
    TooMany,
    /// It is signed, and no payload of buttons.
    #[error("the payload is none of a button")]
    Payload,
    /// A button that no message of ours has.
    #[error("no message has such a button; approvals are given on the site")]
    Button,
}

/// Somebody pressed a button.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Press {
    /// The Slack team and user: an id at Slack, not yet somebody here.
    pub who: SlackUser,
    /// What it says.
    pub what: Pressed,
    /// When, as Slack says.
    pub when: Instant,
}

/// A user of a Slack workspace.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SlackUser {
    /// `T…`.
    pub team: String,
    /// `U…`.
    pub user: String,
}

/// What a button says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Pressed {
    /// An answer to a message.
    Answered(Answer, DedupKey),
    /// A link was followed: the browser is on the site, nothing is to be done.
    Followed,
}

/// Presses of the last ten minutes.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    presses: HashMap<String, Instant>,
}

impl Seen {
    /// Remembers one.
    fn remember(&mut self, press: String, now: Instant) -> Result<(), Refused> {
        let oldest = later(now, -REMEMBERED_SECONDS);
        if self.presses.len() >= REMEMBERED {
            self.presses.retain(|_, at| *at > oldest);
        }
        if self.presses.get(&press).is_some_and(|at| *at > oldest) {
            return Err(Refused::Replay);
        }
        if self.presses.len() >= REMEMBERED {
            return Err(Refused::TooMany);
        }
        self.presses.insert(press, now);
        Ok(())
    }
}

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: String,
    user: Id,
    team: Option<Id>,
    #[serde(default)]
    trigger_id: String,
    actions: Vec<Action>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
struct Action {
    action_id: String,
    action_ts: String,
    value: Option<String>,
}

/// Verifies a request and reads what was pressed.
///
/// # Errors
/// Why it is refused. Nothing was done, and only a press that is right is remembered.
pub fn read(secret: &Secret, inbound: Inbound<'_>, seen: &mut Seen, now: Instant) -> Result<Vec<Press>, Refused> {
    verify(secret, inbound, now)?;
    let json = payload(inbound.body).ok_or(Refused::Payload)?;
    let payload: Payload = serde_json::from_str(&json).map_err(|_| Refused::Payload)?;
    if payload.kind != "block_actions" || !(1..=ACTIONS).contains(&payload.actions.len()) || !is_id(&payload.user.id) {
        return Err(Refused::Payload);
    }
    let team = payload.team.map(|team| team.id).unwrap_or_default();
    if !team.is_empty() && !is_id(&team) {
        return Err(Refused::Payload);
    }
    let who = SlackUser { team, user: payload.user.id };
    let mut presses = Vec::new();
    let mut marks = Vec::new();
    for action in &payload.actions {
        let when = seconds(&action.action_ts).ok_or(Refused::Payload)?;
        let what = pressed(action)?;
        marks.push(format!("{} {} {} {}", payload.trigger_id, action.action_ts, who.user, action.action_id));
        presses.push(Press { who: who.clone(), what, when });
    }
    for mark in marks {
        seen.remember(mark, now)?;
    }
    Ok(presses)
}

fn verify(secret: &Secret, inbound: Inbound<'_>, now: Instant) -> Result<(), Refused> {
    if inbound.body.len() > BODY {
        return Err(Refused::TooLong);
    }
    let ([signature], [timestamp]) = (inbound.signatures, inbound.timestamps) else { return Err(Refused::Header) };
    let tag = signature.strip_prefix(b"v0=").and_then(unhex).ok_or(Refused::Header)?;
    let timestamp = std::str::from_utf8(timestamp).map_err(|_| Refused::Header)?;
    if timestamp.is_empty() || timestamp.len() > 12 || !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refused::Header);
    }
    let mut signed = format!("v0:{timestamp}:").into_bytes();
    signed.extend_from_slice(inbound.body);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
    // In constant time.
    hmac::verify(&key, &signed, &tag).map_err(|_| Refused::Signature)?;
    let seconds: i64 = timestamp.parse().map_err(|_| Refused::Header)?;
    if (now.micros().div_euclid(1_000_000) - seconds).abs() > SKEW_SECONDS {
        return Err(Refused::Time);
    }
    Ok(())
}

/// 64 hexadecimal digits.
fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if text.len() != 64 {
        return None;
    }
    text.chunks(2).map(|pair| Some(digit(pair[0])? * 16 + digit(pair[1])?)).collect()
}

/// The one `payload` of a form.
fn payload(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let mut values = text.split('&').filter_map(|pair| pair.strip_prefix("payload="));
    let (value, None) = (values.next()?, values.next()) else { return None };
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// `1789632005.123456`, to the microsecond.
fn seconds(text: &str) -> Option<Instant> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str, most: usize| {
        !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole, 12) || !digits(part, 6) {
        return None;
    }
    let micros: i64 = format!("{part:0<6}").parse().ok()?;
    Some(Instant::from_micros(whole.parse::<i64>().ok()? * 1_000_000 + micros))
}

/// Ids of Slack are capital letters and digits.
fn is_id(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn pressed(action: &Action) -> Result<Pressed, Refused> {
    let word = action.action_id.strip_prefix("leap.").ok_or(Refused::Button)?;
    if word
        .strip_prefix("link.")
        .is_some_and(|at| (1..=2).contains(&at.len()) && at.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return Ok(Pressed::Followed);
    }
    let answer = Answer::ALL.into_iter().find(|answer| answer.word() == word).ok_or(Refused::Button)?;
    let key = action.value.as_deref().and_then(|value| value.parse().ok()).ok_or(Refused::Payload)?;
    Ok(Pressed::Answered(answer, key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::at;

    const NOW: &str = "2026-09-17T08:00:05Z";
    const STAMP: &str = "1789632005";

    fn encoded(json: &str) -> String {
        let bytes = json.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
            b' ' => "+".to_owned(),
            _ => format!("%{byte:02X}"),
        });
        format!("payload={}", bytes.collect::<String>())
    }

    fn press(action_id: &str, value: &str, trigger: &str) -> String {
        encoded(&format!(
            r#"{{"type":"block_actions","user":{{"id":"U1","name":"é x"}},"team":{{"id":"T1"}},"trigger_id":"{trigger}",
               "response_url":"https://hooks.slack.com/x","actions":[{{"action_id":"{action_id}",
               "block_id":"b","value":"{value}",
               "action_ts":"1789632004.5"}}]}}"#
        ))
    }

    fn sign(stamp: &str, body: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"shhh");
        let tag = hmac::sign(&key, &[format!("v0:{stamp}:").as_bytes(), body].concat());
        format!("v0={}", tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    fn read_at(now: &str, stamp: &str, signature: &str, body: &[u8], seen: &mut Seen) -> Result<Vec<Press>, Refused> {
        let inbound = Inbound { signatures: &[signature.as_bytes()], timestamps: &[stamp.as_bytes()], body };
        read(&Secret::new("shhh").unwrap(), inbound, seen, at(now))
    }

    fn read_signed(body: &str) -> Result<Vec<Press>, Refused> {
        read_at(NOW, STAMP, &sign(STAMP, body.as_bytes()), body.as_bytes(), &mut Seen::default())
    }

    #[test]
    fn the_signature_is_slacks() {
        // The example of Slack's own documentation.
        let body = concat!(
            "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V",
            "&channel_name=foobar",
            "&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=",
            "&response_url=https%3A%2F%2Fhooks.slack.com",
            "%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.",
            "803a0bc887a14d10d2c447fce8b6703c"
        );
        let inbound = Inbound {
            signatures: &[b"v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"],
            timestamps: &[b"1531420618"],
            body: body.as_bytes(),
        };
        let secret = Secret::new("8f742231b10e8888abcd99yyyzzz85a5").unwrap();
        assert_eq!(verify(&secret, inbound, at("2018-07-12T18:36:58Z")), Ok(()));
        assert_eq!(verify(&secret, inbound, at("2018-07-12T18:41:58Z")), Ok(()));
        assert_eq!(verify(&secret, inbound, at("2018-07-12T18:41:59Z")), Err(Refused::Time));
        assert_eq!(verify(&secret, inbound, at("2018-07-12T18:31:57Z")), Err(Refused::Time));
        let other = Secret::new("8f742231b10e8888abcd99yyyzzz85a6").unwrap();
        assert_eq!(verify(&other, inbound, at("2018-07-12T18:36:58Z")), Err(Refused::Signature));
    }

    #[test]
    fn a_press_is_who_what_and_when() {
        let key = "leap:budget_breached:payments:budget-7:2026-09";
        let read = read_signed(&press("leap.snooze_7d", key, "t1")).unwrap();
        assert_eq!(
            read,
            [Press {
                who: SlackUser { team: "T1".to_owned(), user: "U1".to_owned() },
                what: Pressed::Answered(Answer::Snooze7d, key.parse().unwrap()),
                when: at("2026-09-17T08:00:04.500000Z"),
            }]
        );
        assert_eq!(read_signed(&press("leap.link.0", "", "t1")).unwrap()[0].what, Pressed::Followed);
        for button in ["leap.approve", "leap.", "approve", "leap.link.", "leap.link.x", "leap.link.123", "LEAP.wrong"] {
            assert_eq!(read_signed(&press(button, key, "t1")), Err(Refused::Button), "{button}");
        }
        assert_eq!(read_signed(&press("leap.wrong", "no key", "t1")), Err(Refused::Payload));
    }

    #[test]
    fn what_is_not_signed_is_not_read() {
        let body = press("leap.wrong", "leap:a:b", "t1");
        let good = sign(STAMP, body.as_bytes());
        let mut seen = Seen::default();
        let mut said =
            |stamp: &str, signature: &str, body: &[u8]| read_at(NOW, stamp, signature, body, &mut seen).unwrap_err();
        assert_eq!(said(STAMP, &good, body.replace("wrong", "not_mine").as_bytes()), Refused::Signature);
        assert_eq!(said("1789632006", &good, body.as_bytes()), Refused::Signature);
        assert_eq!(said(STAMP, &good.replace("v0=", "v1="), body.as_bytes()), Refused::Header);
        assert_eq!(said(STAMP, &good[..65], body.as_bytes()), Refused::Header);
        assert_eq!(said(STAMP, "", body.as_bytes()), Refused::Header);
        for stamp in ["", "-1", "1e9", "17896320050000", "１"] {
            assert_eq!(said(stamp, &good, body.as_bytes()), Refused::Header, "{stamp}");
        }
        assert_eq!(said(STAMP, &sign(STAMP, &[0xff]), &[0xff]), Refused::Payload);
        let long = vec![b'a'; BODY + 1];
        assert_eq!(said(STAMP, &sign(STAMP, &long), &long), Refused::TooLong);
        let secret = Secret::new("shhh").unwrap();
        let (signature, stamp) = (good.as_bytes(), STAMP.as_bytes());
        for (signatures, timestamps) in [
            (&[signature, signature][..], &[stamp][..]),
            (&[][..], &[stamp][..]),
            (&[signature][..], &[stamp, stamp][..]),
            (&[signature][..], &[][..]),
            (&[&[0xff_u8][..]][..], &[stamp][..]),
        ] {
            let inbound = Inbound { signatures, timestamps, body: body.as_bytes() };
            assert_eq!(read(&secret, inbound, &mut Seen::default(), at(NOW)), Err(Refused::Header));
        }
    }

    #[test]
    fn a_press_counts_once() {
        let mut seen = Seen::default();
        let mut again = |now: &str, stamp: &str, trigger: &str| {
            let body = press("leap.wrong", "leap:a:b", trigger);
            read_at(now, stamp, &sign(stamp, body.as_bytes()), body.as_bytes(), &mut seen).map(|presses| presses.len())
        };
        assert_eq!(again(NOW, STAMP, "t1"), Ok(1));
        assert_eq!(again(NOW, STAMP, "t1"), Err(Refused::Replay));
        // Sent and signed anew, it is the same press.
        assert_eq!(again("2026-09-17T08:05:05Z", "1789632305", "t1"), Err(Refused::Replay));
        assert_eq!(again(NOW, STAMP, "t2"), Ok(1));
        // After ten minutes its timestamp is too old.
        assert_eq!(again("2026-09-17T08:10:05Z", STAMP, "t1"), Err(Refused::Time));
    }

    #[test]
    fn memory_is_bounded_and_nothing_is_forgotten_too_soon() {
        let mut seen = Seen::default();
        for number in 0..REMEMBERED {
            assert_eq!(seen.remember(number.to_string(), at(NOW)), Ok(()));
        }
        assert_eq!(seen.remember("x".to_owned(), at("2026-09-17T08:10:05Z")), Err(Refused::TooMany));
        assert_eq!(seen.remember("7".to_owned(), at("2026-09-17T08:10:05Z")), Err(Refused::Replay));
        assert_eq!(seen.remember("x".to_owned(), at("2026-09-17T08:10:06Z")), Ok(()));
        assert_eq!(seen.presses.len(), 1);
    }

    #[test]
    fn payloads_that_are_none_are_refused() {
        let json = r#"{"type":"block_actions","user":{"id":"U1"},"actions":[]}"#;
        for body in [
            String::new(),
            "payload=".to_owned(),
            "payload=%7".to_owned(),
            "payload=%zz".to_owned(),
            "payload=%ff".to_owned(),
            encoded(json),
            encoded(&json.replace("block_actions", "view_submission")),
            encoded(&json.replace("[]", r#"[{"action_id":"leap.wrong","action_ts":"x","value":"leap:a"}]"#)),
            encoded(&json.replace("U1", "u1' OR 1=1")),
            format!("{}&{}", press("leap.wrong", "leap:a:b", "t"), press("leap.wrong", "leap:a:b", "t")),
        ] {
            assert_eq!(read_signed(&body), Err(Refused::Payload), "{body}");
        }
    }
}
