//! Mail: one message to all recipients of a channel, text and HTML, through a mail server that settings name.
//!
//! ```text
//! tls        encrypted from the first byte (port 465)
//! starttls   encrypted before anything is said (587); a server that cannot is refused
//! none       not encrypted; only to hosts in egress.unencrypted, and without a password
//! ```
//! Reading order: [`mail`] (the mail as bytes), [`wire`] (the encrypted connection), then the attempt here. A recipient
//! whom the server refuses for good is left out, and told with the receipt; where it refuses one for now, the mail
//! waits for all.
//!
//! lettre writes the mail and speaks SMTP; the connection is made here, to an address that the guard judged.

pub mod mail;
pub mod wire;

use std::time::Duration;

use leap_terms::Instant;
use lettre::Address;
use lettre::message::Mailbox;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;

use super::{Channel, Sending};
use crate::egress::Guard;
use crate::limits;
use crate::message::Message;
use crate::policy::{Cause, Outcome};
use crate::secret::Secret;
use crate::text::{clean, fitted, plain};
use wire::Tls;

/// How a connection to a mail server is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encryption {
    /// From the first byte.
    Tls,
    /// By STARTTLS, before anything is said.
    StartTls,
    /// Not at all.
    None,
}

/// A mail server, and who gets mail.
#[derive(Clone, Debug)]
pub struct Smtp {
    /// What judges its address.
    pub guard: std::sync::Arc<Guard>,
    /// How certificates are judged.
    pub tls: Tls,
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub encryption: Encryption,
    /// User and password.
    pub login: Option<(String, Secret)>,
    /// From whom.
    pub from: Mailbox,
    /// To whom.
    pub to: Vec<Mailbox>,
    /// Where a recipient can end these mails.
    pub unsubscribe: Option<String>,
    /// For all of one attempt.
    pub whole: Duration,
}

/// A refusal on the way, with its outcome.
type Step<T> = Result<T, Outcome>;

impl Smtp {
    async fn attempt(&self, message: &Message, now: Instant) -> Step<String> {
        let bytes = mail::bytes(self, message, now).map_err(|why| Outcome::failed(Cause::Refused, why))?;
        if self.encryption == Encryption::None {
            self.guard.unencrypted(&self.host).map_err(|why| Outcome::failed(Cause::Blocked, why.to_string()))?;
        }
        let hello = ClientId::Domain(self.from.email.domain().to_owned());
        let stream = wire::connect(self, &hello).await?;
        let speaks = AsyncSmtpConnection::connect_with_transport(stream, &hello).await;
        let mut connection = speaks.map_err(|error| self.failed(&error, Cause::Unreachable))?;
        if let Some((user, password)) = &self.login {
            let credentials = Credentials::new(user.clone(), password.reveal().to_owned());
            let allowed = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await;
            // The text of a refusal may repeat what was sent.
            allowed.map_err(|error| match error.is_permanent() || error.is_client() {
                true => Outcome::failed(Cause::Refused, format!("{} refuses the login", self.host)),
                false => Outcome::failed(Cause::Broken, format!("{} could not take the login", self.host)),
            })?;
        }
        let from = Mail::new(Some(self.from.email.clone()), Vec::new());
        connection.command(from).await.map_err(|error| self.failed(&error, Cause::Broken))?;
        let refused = self.recipients(&mut connection).await?;
        connection.command(Data).await.map_err(|error| self.failed(&error, Cause::Broken))?;
        // From here on the server may have it, whatever becomes of the connection.
        let taken = connection.message(&bytes).await;
        let taken = taken.map_err(|error| self.failed(&error, Cause::Uncertain))?;
        let code = taken.code();
        // It is done; a farewell that fails changes nothing.
        let _ = tokio::time::timeout(Duration::from_secs(1), connection.quit()).await;
        let mut said = format!("{} answered {code}", self.host);
        if !refused.is_empty() {
            said = format!("{said}; refused: {}", refused.join(", "));
        }
        Ok(fitted(&said, 1_000, plain))
    }

    /// Names the recipients; gives those that are refused for good, unless that is all of them.
    async fn recipients(&self, connection: &mut AsyncSmtpConnection) -> Step<Vec<String>> {
        let mut refused = Vec::new();
        let mut last = None;
        for recipient in &self.to {
            let address: &Address = &recipient.email;
            match connection.command(Rcpt::new(address.clone(), Vec::new())).await {
                Ok(_) => {}
                Err(error) if error.is_permanent() => {
                    refused.push(address.to_string());
                    last = Some(error);
                }
                Err(error) => return Err(self.failed(&error, Cause::Broken)),
            }
        }
        match last {
            Some(error) if refused.len() == self.to.len() => Err(self.failed(&error, Cause::Refused)),
            _ => Ok(refused),
        }
    }

    /// What an error means: by the server's code, or as `otherwise` where there is none.
    fn failed(&self, error: &SmtpError, otherwise: Cause) -> Outcome {
        let cause = match error.status() {
            Some(_) if error.is_permanent() => Cause::Refused,
            Some(_) => Cause::Busy,
            None if error.is_client() => Cause::Refused,
            None => otherwise,
        };
        let said = fitted(&clean(&error.to_string()), limits::SAID, plain);
        Outcome::failed(cause, format!("{}: {said}", self.host))
    }
}

impl Channel for Smtp {
    fn send<'a>(&'a self, message: &'a Message, _attempt: u32, now: Instant) -> Sending<'a> {
        Box::pin(async move {
            match tokio::time::timeout(self.whole, self.attempt(message, now)).await {
                Ok(Ok(said)) => Outcome::Delivered(said),
                Ok(Err(outcome)) => outcome,
                Err(_) => Outcome::failed(Cause::Uncertain, format!("{} did not answer in time", self.host)),
            }
        })
    }
}
