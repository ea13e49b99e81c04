//! A secret: a value that never prints itself.
//!
//! It comes in as an argument (whoever reads environment and files makes it), goes out in a request, and is nowhere
//! else: not in messages, receipts, errors or logs.

use std::fmt;
use std::sync::Arc;

/// A password, a key, or an address that only who knows it may use.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a text; spaces and line ends around it belong to the file that it came from.
    ///
    /// # Errors
    /// In words, without the text, where it is empty or no secret could look like it.
    pub fn new(text: &str) -> Result<Secret, &'static str> {
        let text = text.trim();
        if text.is_empty() {
            return Err("it is empty");
        }
        if text.chars().any(char::is_control) {
            return Err("it has a control character inside");
        }
        Ok(Secret(text.into()))
    }

    /// The text, for the request that needs it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        let secret = Secret::new(" hunter2\n").unwrap();
        assert_eq!((secret.reveal(), format!("{secret:?}").as_str()), ("hunter2", "Secret(…)"));
        assert_eq!(Secret::new(" \n"), Err("it is empty"));
        assert_eq!(Secret::new("a\r\nb"), Err("it has a control character inside"));
    }
}
