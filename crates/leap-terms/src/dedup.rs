//! The dedup key: the same for the same thing said twice, another for anything else.
//!
//! ```text
//! leap:budget_breached:payments:budget-7:2026-09
//! leap:drift_found:pay%20ments:eu%2Ewest:2026-09-17
//! leap:incident_opened:…long…:0f3c…                    longer ones end in a digest of the whole
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Digest, MessageKind, TeamId};

/// Bytes of a dedup key. PagerDuty and Slack's `action_id` take 255.
pub const KEY_BYTES: usize = 255;
/// Hexadecimal digits of the digest in which a longer key ends: 128 bits.
const KEY_DIGEST: usize = 32;

/// A dedup key: 1 to 255 of the characters `A-Z a-z 0-9 - _ ~ / + % :`. A full stop is none of them, as Standard
/// Webhooks sign `id.timestamp.body`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DedupKey(String);

impl DedupKey {
    /// `leap:{kind}:{unit}:{subject}:{period}`.
    pub fn new(kind: MessageKind, unit: &TeamId, subject: &str, period: &str) -> DedupKey {
        DedupKey::of(&[kind.word(), unit.as_str(), subject, period])
    }

    /// `leap:` and parts, of which none can look like two.
    pub fn of(parts: &[&str]) -> DedupKey {
        let mut whole = "leap".to_owned();
        for part in parts {
            whole.push(':');
            for byte in part.bytes() {
                match byte {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b'/' | b'+' => {
                        whole.push(char::from(byte));
                    }
                    _ => whole.push_str(&format!("%{byte:02X}")),
                }
            }
        }
        if whole.len() <= KEY_BYTES {
            return DedupKey(whole);
        }
        let digest = Digest::of(whole.as_bytes()).to_string();
        let mut kept = KEY_BYTES - 1 - KEY_DIGEST;
        // Not inside an escape.
        kept -= whole[..kept].bytes().rev().take(2).position(|byte| byte == b'%').map_or(0, |at| at + 1);
        whole.truncate(kept);
        whole.push(':');
        whole.extend(digest.chars().take(KEY_DIGEST));
        DedupKey(whole)
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DedupKey {
    type Err = String;

    fn from_str(text: &str) -> Result<DedupKey, String> {
        let letters = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_~/+%:".contains(&byte));
        if text.len() > "leap:".len() && text.len() <= KEY_BYTES && text.starts_with("leap:") && letters {
            Ok(DedupKey(text.to_owned()))
        } else {
            Err("it is no dedup key such as leap:budget_breached:payments:budget-7:2026-09".to_owned())
        }
    }
}

impl TryFrom<String> for DedupKey {
    type Error = String;

    fn try_from(text: String) -> Result<DedupKey, String> {
        text.parse()
    }
}

impl From<DedupKey> for String {
    fn from(key: DedupKey) -> String {
        key.0
    }
}

impl fmt::Display for DedupKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_names_kind_unit_subject_and_period() {
        let unit = TeamId::new("pay ments").unwrap();
        let key = |subject: &str| DedupKey::new(MessageKind::DriftFound, &unit, subject, "2026-09").to_string();
        assert_eq!(key("eu.west:1"), "leap:drift_found:pay%20ments:eu%2Ewest%3A1:2026-09");
        let long = key(&"ü".repeat(200));
        assert_eq!((long.len(), long.starts_with("leap:drift_found:pay%20ments:%C3%BC")), (254, true));
        assert!(!long[..long.len() - 33].ends_with('%') && long.as_bytes()[long.len() - 33] == b':', "{long}");
        assert_ne!(long, key(&"ü".repeat(201)));
        for wrong in ["", "leap:", "leap", "x:y", "leap:a.b", "leap:a b", &format!("leap:{}", "a".repeat(251))] {
            assert!(wrong.parse::<DedupKey>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn keys_are_different_where_their_parts_are(
            a in "[a:%.é]{0,120}", b in "[a:%.é]{0,3}", c in "[a:%.é]{0,120}", d in "[a:%.é]{0,3}",
        ) {
            let (one, two) = (DedupKey::of(&[&a, &b]), DedupKey::of(&[&c, &d]));
            prop_assert_eq!(one == two, a == c && b == d);
            prop_assert!(one.as_str().len() <= KEY_BYTES);
            prop_assert_eq!(one.as_str().parse::<DedupKey>(), Ok(one.clone()));
        }
    }
}
