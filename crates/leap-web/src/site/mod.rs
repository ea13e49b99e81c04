//! The site: pages as values, and a server that shows them.
//!
//! A [`Site`] is asked with an [`Ask`] and answers with a [`Page`](model::Page), which is HTML, JSON, CSV or Parquet as the reader
//! wants it. Reading order: `model` (what a page says), `html`, `export`, `assets`; then the way in: `door` (names, TLS),
//! `route` (the table of addresses and who may ask), `person`, `entrance`, `login`, `sheets`, `server` (where all of that meets).

pub mod assets;
pub mod export;
pub mod html;
pub mod model;
pub mod strip;

mod door;
mod entrance;
mod hook;
mod login;
mod openapi;
mod person;
mod respond;
mod route;
mod server;
mod sheets;
mod withheld;

pub use door::{Door, Error, Listener};
pub use entrance::{Begun, Entrance, First, Returned, Ways};
pub use hook::{Hook, Hooked};
pub use person::{Credential, Entry, Person, Proof};
pub use route::{DOCUMENT, FORM, Needs, Route};

use model::{Frame, Link, Page, Table};

/// What the server answers by itself, beside the pages of a [`Site`].
pub fn own_routes() -> &'static [Route] {
    &route::OWN
}

/// A question: a path and its parameters, percent-decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// `/team/payments`, decoded segment by segment.
    pub path: Vec<String>,
    /// The parameters, in their order.
    pub parameters: Vec<(String, String)>,
    /// A program asks, not a person: for JSON, CSV or Parquet.
    pub is_of_program: bool,
}

impl Ask {
    /// The first value of a parameter, where it is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The page.
    pub page: Page,
    /// What is around it.
    pub frame: Frame,
}

/// Why there is no page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Nothing that the person may see is there.
    NotFound(String),
    /// A parameter is not understood: its name, what is wrong and the remedy, and where the page is without it.
    Parameter {
        /// The parameter.
        name: String,
        /// What is wrong, and what it may be.
        message: String,
        /// The address without it.
        without: Option<Link>,
    },
    /// Nothing was taken in yet, or another reason why there is nothing to show; not a fault.
    Nothing(String),
    /// Nobody is logged in, or the session is over.
    LogIn,
    /// The person may not, and how they could.
    Forbidden(String, Option<Link>),
    /// It wants a person who proved a moment ago who they are; nothing was changed. And where to go on after that.
    ProveAgain(String),
    /// What was asked for breaks a rule; nothing was changed. And where to go on.
    Refused(String, Option<Link>),
    /// The world changed since the preview that was agreed to; nothing was changed. And where to look again.
    Stale(String, Option<Link>),
    /// Another process is writing; nothing was changed.
    TryAgain(String),
    /// The proof does not hold, or something broke.
    Failed(String),
}

/// What came of a form.
#[derive(Clone, Debug)]
pub enum Done {
    /// Nothing was changed yet: what would change, with a form to agree to it.
    Preview(Box<Answer>),
    /// Nothing was changed, and what was typed stays: the form again, with what is wrong or what is different now. Machines
    /// get the fault alone.
    Again(Box<Answer>, Problem),
    /// It was done.
    Gone {
        /// The page that shows it.
        to: String,
        /// What was done, in a sentence.
        said: String,
    },
    /// It was done, and what is shown now is not shown again.
    Once {
        /// The page with the secret on it.
        answer: Box<Answer>,
        /// What was done, in a sentence.
        said: String,
        /// The secret.
        secret: String,
    },
}

/// What answers. Called on a thread that may block.
pub trait Site: Send + Sync + 'static {
    /// The addresses of its pages and forms. What is not in the table is not answered.
    fn routes(&self) -> &'static [Route];

    /// The way in.
    fn entrance(&self) -> &dyn Entrance;

    /// One page, with what the person sees of it.
    ///
    /// # Errors
    /// Why there is none.
    fn answer(&self, person: &Person, ask: &Ask) -> Result<Answer, Problem>;

    /// A form that was sent: path and fields.
    ///
    /// # Errors
    /// Why nothing was changed.
    fn act(&self, person: &Person, ask: &Ask) -> Result<Done, Problem>;

    /// What the palette finds: `{"snapshot", "items"}`.
    ///
    /// # Errors
    /// Why nothing can be found.
    fn search(&self, person: &Person, ask: &Ask) -> Result<serde_json::Value, Problem>;

    /// A table as Parquet, with facts about it.
    ///
    /// # Errors
    /// Why it cannot be written.
    fn parquet(&self, table: &Table, about: &[(&str, &str)]) -> Result<Vec<u8>, Problem>;

    /// Figures for Prometheus, in its text format.
    ///
    /// # Errors
    /// Why there are none.
    fn metrics(&self) -> Result<String, Problem>;

    /// What a program elsewhere sent without a login; its signature is to be checked before anything else is read.
    fn hook(&self, hook: &Hook<'_>) -> Hooked;

    /// The digest of the newest snapshot: what pages are made of.
    ///
    /// # Errors
    /// Why it is not known.
    fn snapshot(&self) -> Result<String, Problem>;
}

/// Parameters as a query: `a=b&c=d`, percent-encoded.
pub fn query(parameters: &[(String, String)]) -> String {
    let pairs = parameters.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// A text in an address: everything but letters, digits and `-._~,:'` is percent-encoded.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b',' | b':') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The reverse of [`encoded`]; `plus` also reads `+` as a space, as forms write it. `None` where it is no UTF-8.
pub fn decoded(text: &str, plus: bool) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {
                let hex = text.get(at + 1..at + 3).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
                out.push(u8::from_str_radix(hex, 16).ok()?);
                at += 2;
            }
            b'+' if plus => out.push(b' '),
            byte => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for text in ["Amazon EC2", "a&b=c#d", "../é中\"<'>", "100 %", "+"] {
            assert_eq!(decoded(&encoded(text), true).as_deref(), Some(text));
        }
        assert_eq!(decoded("a+b", true).as_deref(), Some("a b"));
        assert_eq!(decoded("a+b", false).as_deref(), Some("a+b"));
        assert_eq!(decoded("%", true), None);
        assert_eq!(decoded("%zz", true), None);
        assert_eq!(decoded("%+5", true), None);
        assert_eq!(decoded("%ff", true), None, "no UTF-8");
    }
}
