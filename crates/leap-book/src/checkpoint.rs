//! Checkpoints: where the audit trail stood, as one line of text that is kept outside the book.
//!
//! ```text
//! {"at":"2026-09-17T08:00:00Z","book":"77ab…","digest":"c3d0…","kind":"leap audit checkpoint 1","number":31}
//! ed25519 4bf0c2a19d3e5577 zIq0…==
//! ```
//! The digest is that of event 31, and so of all events before it. The second line is there where it was signed: the id
//! of the key and the signature of the first line's bytes, its end not included. A checkpoint has one text
//! ([`Checkpoint::text`]), and only that text is read.
//!
//! Holds no keys and no files: who exports checkpoints, where to and with which key is the caller's.

use std::str::FromStr;

use leap_terms::{Digest, Instant};
use serde::{Deserialize, Serialize};

use crate::signature::{PublicKey, Signature, SignatureFault, SigningKey};

const KIND: &str = "leap audit checkpoint 1";
const ALGORITHM: &str = "ed25519";

/// Where the audit trail of a book stood at some time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// The book's id: the digest of its first event.
    pub book: Digest,
    /// The number of the last event.
    pub number: u64,
    /// The digest of that event.
    pub digest: Digest,
    /// When the checkpoint was made.
    pub at: Instant,
}

/// Why a text is no checkpoint that can be relied on.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CheckpointFault {
    /// The first line is not the text of a checkpoint.
    #[error("line 1 is no checkpoint: {0}; export it anew and keep it as it is")]
    Text(String),
    /// There is no signature, and there has to be one.
    #[error("line 2 is missing: the checkpoint is not signed; export it with a key, or compare it without one")]
    Unsigned,
    /// The second line is no signature.
    #[error("line 2 is no signature such as '{ALGORITHM} KEY-ID BASE64': {0}; export it anew and keep it as it is")]
    Line(String),
    /// There is more than the checkpoint and its signature.
    #[error("line {0} is one too many: a checkpoint has one line, and one more where it is signed")]
    TooLong(usize),
    /// None of the keys at hand made the signature.
    #[error("line 2: the checkpoint was signed with the key {0}, which is none of those given; give its public key")]
    UnknownKey(String),
    /// The signature is not of that text.
    #[error("line 2: {0}: the checkpoint was changed after it was signed, or its signature was")]
    Signature(SignatureFault),
}

/// The fields in the order of their names, as canonical JSON has them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    at: String,
    book: Digest,
    digest: Digest,
    kind: String,
    number: u64,
}

impl Checkpoint {
    /// Its one text: JSON with sorted keys and without spaces, in one line, without the line's end.
    pub fn text(&self) -> String {
        let fields = Fields {
            at: self.at.to_string(),
            book: self.book,
            digest: self.digest,
            kind: KIND.to_owned(),
            number: self.number,
        };
        crate::rows::json(&fields)
    }

    /// What is exported: the text and, with a key, its signature, a line each.
    ///
    /// # Errors
    /// [`SignatureFault`] when the key cannot sign.
    pub fn export(&self, key: Option<&SigningKey>) -> Result<String, SignatureFault> {
        let text = self.text();
        let Some(key) = key else { return Ok(format!("{text}\n")) };
        let signature = key.sign(text.as_bytes())?;
        Ok(format!("{text}\n{ALGORITHM} {} {signature}\n", key.public_key().id()))
    }

    /// Reads what was exported. With keys the signature has to be there and to be of one of them; without any it is not
    /// looked at.
    ///
    /// # Errors
    /// [`CheckpointFault`] names the line and what is wrong with it.
    pub fn read(exported: &str, keys: &[PublicKey]) -> Result<Checkpoint, CheckpointFault> {
        let mut lines = exported.lines();
        let text = lines.next().unwrap_or_default();
        let checkpoint: Checkpoint = text.parse().map_err(CheckpointFault::Text)?;
        let signature = lines.next();
        if lines.next().is_some() {
            return Err(CheckpointFault::TooLong(3));
        }
        if keys.is_empty() {
            return Ok(checkpoint);
        }
        let line = signature.ok_or(CheckpointFault::Unsigned)?;
        let mut words = line.split(' ');
        let (Some(ALGORITHM), Some(id), Some(signature), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(CheckpointFault::Line(format!("it is '{}'", line.escape_debug())));
        };
        let signature: Signature =
            signature.parse().map_err(|fault: SignatureFault| CheckpointFault::Line(fault.to_string()))?;
        let key = keys
            .iter()
            .find(|key| key.id() == id)
            .ok_or_else(|| CheckpointFault::UnknownKey(id.escape_debug().to_string()))?;
        key.verify(text.as_bytes(), &signature).map_err(CheckpointFault::Signature)?;
        Ok(checkpoint)
    }
}

impl FromStr for Checkpoint {
    type Err = String;

    /// Reads what [`Checkpoint::text`] gives, and no other way to write the same.
    fn from_str(text: &str) -> Result<Checkpoint, String> {
        let fields: Fields = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if fields.kind != KIND {
            return Err(format!("its kind is '{}' instead of '{KIND}'", fields.kind.escape_debug()));
        }
        let checkpoint =
            Checkpoint { book: fields.book, number: fields.number, digest: fields.digest, at: fields.at.parse()? };
        if checkpoint.number == 0 {
            return Err("events are numbered from 1, and its number is 0".to_owned());
        }
        if checkpoint.text() != text {
            return Err("it is written in another way than checkpoints are".to_owned());
        }
        Ok(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            book: Digest::of(b"first"),
            number: 31,
            digest: Digest::of(b"last"),
            at: Instant::from_micros(1_789_516_800_000_000),
        }
    }

    #[test]
    fn a_checkpoint_has_one_text() {
        let checkpoint = checkpoint();
        let text = checkpoint.text();
        assert!(text.starts_with(r#"{"at":"2026-09-16T00:00:00Z","book":""#), "{text}");
        assert!(text.ends_with(r#"","kind":"leap audit checkpoint 1","number":31}"#), "{text}");
        assert_eq!(text.parse(), Ok(checkpoint));
        for (other, fault) in [
            (text.replace("\"at\":", "\"at\": "), "another way"),
            (text.replace("\"number\":31", "\"number\":31.0"), "u64"),
            (text.replace(":31}", ":0}"), "numbered from 1"),
            (text.replace("checkpoint 1", "checkpoint 2"), "its kind is 'leap audit checkpoint 2'"),
            (text.replace("00:00:00Z", "00:00:00.0Z"), "another way"),
            (text.replace(":31}", ":31,\"more\":1}"), "unknown field"),
            (text.replace("\"number\":31", "\"number\":31,\"number\":31"), "duplicate field"),
            (String::new(), "EOF"),
        ] {
            let error = other.parse::<Checkpoint>().unwrap_err();
            assert!(error.contains(fault), "{other}: {error}");
        }
    }

    #[test]
    fn what_is_signed_is_read_with_its_key_alone() {
        let (key, other) = (SigningKey::from_seed(&[7; 32]).unwrap(), SigningKey::from_seed(&[8; 32]).unwrap());
        let checkpoint = checkpoint();
        let signed = checkpoint.export(Some(&key)).unwrap();
        assert_eq!(signed.lines().count(), 2);
        assert_eq!(Checkpoint::read(&signed, &[]), Ok(checkpoint));
        assert_eq!(Checkpoint::read(&signed, &[other.public_key(), key.public_key()]), Ok(checkpoint));
        let unsigned = checkpoint.export(None).unwrap();
        assert_eq!(Checkpoint::read(&unsigned, &[]), Ok(checkpoint));
        let keys = [key.public_key()];
        let fault = |text: &str| Checkpoint::read(text, &keys).unwrap_err();
        assert_eq!(fault(&unsigned), CheckpointFault::Unsigned);
        assert_eq!(fault(&signed.replace(":31}", ":32}")), CheckpointFault::Signature(SignatureFault::Wrong));
        assert_eq!(fault(&format!("{signed}more\n")), CheckpointFault::TooLong(3));
        assert!(matches!(fault(&signed.replace("ed25519", "rsa")), CheckpointFault::Line(_)));
        assert!(matches!(fault(&format!("{}==", signed.trim_end())), CheckpointFault::Line(_)));
        let foreign = checkpoint.export(Some(&other)).unwrap();
        assert_eq!(fault(&foreign), CheckpointFault::UnknownKey(other.public_key().id()));
        // The other key's signature under this key's name.
        let renamed = foreign.replace(&other.public_key().id(), &key.public_key().id());
        assert_eq!(fault(&renamed), CheckpointFault::Signature(SignatureFault::Wrong));
    }
}
