//! The mail as bytes: the same for a message, whenever it is sent, but for its date.
//!
//! ```text
//! From: leap <leap@example.com>
//! To: finops@example.com
//! Subject: =?utf-8?b?…?=
//! Message-ID: <leap=budget_breached=payments=budget-7=2026-09@example.com>
//! References: <leap=incident=i-7@example.com>       mails of one incident stand together
//! List-Unsubscribe: <https://leap.example.com/account>
//! Auto-Submitted: auto-generated                    nobody's absence answers it
//! ```
//! No remote images, no scripts, no styles: HTML is headings, paragraphs, a table and links to the site.

use std::time::{Duration, UNIX_EPOCH};

use leap_terms::{DedupKey, Digest, Instant};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{MultiPart, SinglePart};

use super::Smtp;
use crate::message::{Content, Message};
use crate::text::{fitted, html, plain};

/// Characters of a subject: longer ones are cut by mail programs anyway.
const SUBJECT: usize = 200;

/// The mail of a message.
///
/// # Errors
/// In words, where the settings make no mail.
pub fn bytes(smtp: &Smtp, message: &Message, now: Instant) -> Result<Vec<u8>, String> {
    let content = message.content();
    let domain = smtp.from.email.domain();
    let sent = UNIX_EPOCH + Duration::from_micros(u64::try_from(now.micros()).unwrap_or(0));
    let mut builder = lettre::Message::builder()
        .from(smtp.from.clone())
        .subject(fitted(&content.title, SUBJECT, plain))
        .date(sent)
        .message_id(Some(id(message.key(), domain)));
    for recipient in &smtp.to {
        builder = builder.to(recipient.clone());
    }
    if content.incident.is_some() {
        builder = builder.references(id(&message.thread(), domain));
    }
    if let Some(address) = &smtp.unsubscribe {
        builder = builder.raw_header(raw("List-Unsubscribe", format!("<{address}>"))?);
    }
    builder = builder.raw_header(raw("Auto-Submitted", "auto-generated".to_owned())?);
    // Not random, so that a mail is the same bytes again; no text contains its own digest.
    let boundary = format!("leap-{}", Digest::of(message.key().as_str().as_bytes()).to_string().split_at(32).0);
    let part = |kind: ContentType, body: String| SinglePart::builder().header(kind).body(body);
    let parts = MultiPart::alternative()
        .boundary(boundary)
        .singlepart(part(ContentType::TEXT_PLAIN, text_of(message)))
        .singlepart(part(ContentType::TEXT_HTML, html_of(message)));
    let mail = builder.multipart(parts).map_err(|error| format!("the mail could not be written: {error}"))?;
    Ok(mail.formatted())
}

fn raw(name: &'static str, value: String) -> Result<HeaderValue, String> {
    // A line end in a value would begin another header.
    if value.chars().any(char::is_control) {
        return Err(format!("{name} has a control character"));
    }
    Ok(HeaderValue::new(HeaderName::new_from_ascii_str(name), value))
}

/// A key as the id of a mail (RFC 5322, 3.6.4): `:` is no letter of it, and `=` no letter of a key.
fn id(key: &DedupKey, domain: &str) -> String {
    format!("<{}@{domain}>", key.as_str().replace(':', "="))
}

fn text_of(message: &Message) -> String {
    let content = message.content();
    let mut out = format!("{}\r\n\r\n", content.title);
    for sentence in &content.sentences {
        out.push_str(&format!("{sentence}\r\n\r\n"));
    }
    for field in &content.fields {
        out.push_str(&format!("{}: {}\r\n", field.label, field.value));
    }
    if !content.fields.is_empty() {
        out.push_str("\r\n");
    }
    for link in &content.links {
        out.push_str(&format!("{}: {}\r\n", link.label, link.address));
    }
    out.push_str(&format!("\r\n-- \r\n{}\r\n", foot(content, message.key())));
    out
}

fn html_of(message: &Message) -> String {
    let content = message.content();
    let safe = |text: &str| fitted(text, usize::MAX, html);
    let mut out = format!(
        "<!DOCTYPE html>\r\n<html><head><meta charset=\"utf-8\"><title>{0}</title></head><body>\r\n<h1>{0}</h1>\r\n",
        safe(&content.title)
    );
    for sentence in &content.sentences {
        out.push_str(&format!("<p>{}</p>\r\n", safe(sentence)));
    }
    if !content.fields.is_empty() {
        out.push_str("<table>\r\n");
        for field in &content.fields {
            let row =
                format!("<tr><th align=\"left\">{}</th><td>{}</td></tr>\r\n", safe(&field.label), safe(&field.value));
            out.push_str(&row);
        }
        out.push_str("</table>\r\n");
    }
    for link in &content.links {
        out.push_str(&format!("<p><a href=\"{}\">{}</a></p>\r\n", safe(&link.address), safe(&link.label)));
    }
    out.push_str(&format!("<p><small>{}</small></p>\r\n</body></html>\r\n", safe(&foot(content, message.key()))));
    out
}

fn foot(content: &Content, key: &DedupKey) -> String {
    let snapshot = content.snapshot.as_ref().map(|id| format!("snapshot {id} · ")).unwrap_or_default();
    format!("{snapshot}{key}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::wire::Tls;
    use super::super::{Encryption, Smtp};
    use super::*;
    use crate::egress::{Guard, SystemNames};
    use crate::message::tests::message;
    use crate::message::{Field, Incident};
    use crate::policy::at;

    fn smtp() -> Smtp {
        Smtp {
            guard: Arc::new(Guard::new([], [], Arc::new(SystemNames))),
            tls: Tls::new(&[]).unwrap(),
            host: "mail.example.com".to_owned(),
            port: 587,
            encryption: Encryption::StartTls,
            login: None,
            from: "leap <leap@example.com>".parse().unwrap(),
            to: vec!["finops@example.com".parse().unwrap(), "Ana Silva <ana@example.com>".parse().unwrap()],
            unsubscribe: Some("https://leap.example.com/account".to_owned()),
            whole: Duration::from_secs(5),
        }
    }

    fn mail(message: &Message) -> String {
        String::from_utf8(bytes(&smtp(), message, at("2026-09-17T08:00:05Z")).unwrap()).unwrap()
    }

    #[test]
    fn a_mail_is_text_and_html() {
        let said = message(|content| {
            content.fields.truncate(1);
            content.sentences.push("Ça & <là>.".to_owned());
        });
        let wanted = "\
From: leap <leap@example.com>\r
Subject: payments is 2.31 % over its budget of 2026-09\r
Date: Thu, 17 Sep 2026 08:00:05 +0000\r
Message-ID: <leap=budget_breached=payments=budget-7=2026-09@example.com>\r
To: finops@example.com, \"Ana Silva\" <ana@example.com>\r
List-Unsubscribe: <https://leap.example.com/account>\r
Auto-Submitted: auto-generated\r
MIME-Version: 1.0\r
Content-Type: multipart/alternative;\r
 boundary=\"leap-BOUNDARY\"\r
\r
--leap-BOUNDARY\r
Content-Type: text/plain; charset=utf-8\r
Content-Transfer-Encoding: quoted-printable\r
\r
payments is 2.31 % over its budget of 2026-09\r
\r
The budget was exceeded on 2026-09-16.\r
\r
=C3=87a & <l=C3=A0>.\r
\r
Budget: 120,000.00 USD\r
\r
Explain: https://leap.example.com/team/payments?period=3D2026-09\r
\r
--=20\r
snapshot 12 =C2=B7 leap:budget_breached:payments:budget-7:2026-09\r
\r
--leap-BOUNDARY\r
Content-Type: text/html; charset=utf-8\r
Content-Transfer-Encoding: quoted-printable\r
\r
";
        let mail = mail(&said);
        let boundary = &Digest::of(said.key().as_str().as_bytes()).to_string()[..32];
        let mail = mail.replace(boundary, "BOUNDARY");
        assert_eq!(&mail[..wanted.len().min(mail.len())], wanted);
        assert!(mail.contains("<p>=C3=87a &amp; &lt;l=C3=A0&gt;.</p>"), "{mail}");
        assert!(mail.ends_with("--leap-BOUNDARY--\r\n") && mail.is_ascii());
    }

    #[test]
    fn strangers_add_no_header_and_no_markup() {
        let evil = "x\r\nBcc: evil@example.net\r\n\r\n<img src=https://evil.example/x>";
        let said = message(|content| {
            content.title = evil.to_owned();
            content.sentences = vec![evil.to_owned(), ".".to_owned()];
            content.fields = vec![Field { label: evil.to_owned(), value: "\"><script>alert(1)</script>".to_owned() }];
            content.links[0].label = evil.to_owned();
            content.links[0].address = "https://leap.example.com/?a=\"><script>".to_owned();
        });
        let mail = mail(&said);
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.to_lowercase().starts_with("bcc")), "{head}");
        assert!(head.lines().all(|line| line.len() <= 998));
        let html = mail.split_once("text/html").unwrap().1.replace("=\r\n", "");
        assert!(!html.contains("<img") && !html.contains("<script"), "{html}");
    }

    #[test]
    fn mails_of_an_incident_stand_together() {
        let said =
            message(|content| content.incident = Some(Incident { id: "i-7".to_owned(), opened: content.occurred }));
        assert!(mail(&said).contains("References: <leap=incident=i-7@example.com>\r\n"));
        let long = message(|content| content.subject = "é".repeat(300));
        assert!(mail(&long).lines().all(|line| line.len() <= 998));
        let mut settings = smtp();
        settings.unsubscribe = Some("https://a.example/\r\nX: y".to_owned());
        assert!(bytes(&settings, &said, at("2026-09-17T08:00:05Z")).is_err());
    }
}
