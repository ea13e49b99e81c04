//! Mail against a small server: what it hears, and what becomes of each of its answers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use leap_act::channels::Channel;
use leap_act::channels::smtp::wire::Tls;
use leap_act::channels::smtp::{Encryption, Smtp};
use leap_act::policy::{Cause, Outcome};
use leap_act::secret::Secret;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::certificates::Certificates;
use super::{NOW, at, guard, message};

/// What a server says: to which command, and how it answers.
type Said<'s> = &'s [(&'s str, &'s str)];

/// What a mail server answers, by command; what is not here is answered with consent.
#[derive(Clone, Default)]
struct Script {
    answers: Vec<(&'static str, &'static str)>,
    tls: Option<TlsAcceptor>,
    /// Encrypted from the first byte.
    at_once: bool,
}

struct MailServer {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl MailServer {
    async fn start(script: Script) -> MailServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = MailServer { port: listener.local_addr().unwrap().port(), heard: Arc::default() };
        let heard = server.heard.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (script, heard) = (script.clone(), heard.clone());
                tokio::spawn(async move {
                    match (&script.tls, script.at_once) {
                        (Some(tls), true) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                speak(stream, &script, &heard, true).await;
                            }
                        }
                        (Some(tls), false) => {
                            if speak(&mut stream, &script, &heard, true).await
                                && let Ok(stream) = tls.accept(stream).await
                            {
                                speak(stream, &script, &heard, false).await;
                            }
                        }
                        (None, _) => {
                            speak(stream, &script, &heard, true).await;
                        }
                    }
                });
            }
        });
        server
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

/// Speaks SMTP; true where TLS is to begin.
async fn speak(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    script: &Script,
    heard: &Mutex<Vec<String>>,
    greet: bool,
) -> bool {
    let answer = |line: &str, usual: &str| {
        let found = script.answers.iter().find(|(command, _)| line.starts_with(command));
        found.map_or(usual, |(_, answer)| answer).to_owned()
    };
    if greet && stream.write_all(format!("{}\r\n", answer("GREETING", "220 mail.test")).as_bytes()).await.is_err() {
        return false;
    }
    let mut stream = BufReader::new(stream);
    let mut in_data = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return false;
        }
        let line = line.trim_end_matches("\r\n").to_owned();
        heard.lock().unwrap().push(line.clone());
        let said = if in_data {
            if line != "." {
                continue;
            }
            answer("END", "250 2.0.0 queued")
        } else {
            let usual = match line.split(' ').next().unwrap() {
                "EHLO" => "250-mail.test\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN",
                "STARTTLS" => "220 go ahead",
                "DATA" => "354 go ahead",
                "AUTH" => "235 welcome",
                "QUIT" => "221 bye",
                _ => "250 ok",
            };
            answer(&line, usual)
        };
        in_data = line == "DATA" && said.starts_with("354");
        match said.as_str() {
            "CUT" => return false,
            "SILENCE" => tokio::time::sleep(Duration::from_secs(60)).await,
            _ => {}
        }
        let _ = stream.write_all(format!("{said}\r\n").as_bytes()).await;
        let _ = stream.flush().await;
        if line == "STARTTLS" && said.starts_with("220") {
            return true;
        }
        if line == "QUIT" {
            return false;
        }
    }
}

fn smtp(port: u16, encryption: Encryption, roots: &[Vec<u8>]) -> Smtp {
    Smtp {
        guard: Arc::new(guard()),
        tls: Tls::new(roots).unwrap(),
        host: "mail.test".to_owned(),
        port,
        encryption,
        login: None,
        from: "leap <leap@example.com>".parse().unwrap(),
        to: vec!["finops@example.com".parse().unwrap(), "ana@example.com".parse().unwrap()],
        unsubscribe: None,
        whole: Duration::from_secs(20),
    }
}

#[tokio::test]
async fn a_mail_goes_to_all_its_recipients() {
    let server = MailServer::start(Script::default()).await;
    let said = message(|content| content.sentences.push(".".to_owned()));
    let outcome = smtp(server.port, Encryption::None, &[]).send(&said, 1, at(NOW)).await;
    assert_eq!(outcome, Outcome::Delivered("mail.test answered 250".to_owned()));
    let heard = server.heard();
    assert_eq!(
        &heard[..5],
        [
            "EHLO example.com",
            "MAIL FROM:<leap@example.com>",
            "RCPT TO:<finops@example.com>",
            "RCPT TO:<ana@example.com>",
            "DATA"
        ]
    );
    assert!(heard.contains(&"Message-ID: <leap=budget_breached=payments=budget-7=2026-09@example.com>".to_owned()));
    // A line of one full stop does not end the mail.
    assert!(heard.contains(&"..".to_owned()));
    assert_eq!(&heard[heard.len() - 2..], [".", "QUIT"]);
}

#[tokio::test]
async fn each_answer_of_a_mail_server_has_one_meaning() {
    let cases: [(Said<'_>, Result<&str, Cause>); 15] = [
        (&[("GREETING", "421 too busy")], Err(Cause::Busy)),
        (&[("GREETING", "554 go away")], Err(Cause::Refused)),
        (&[("MAIL", "SILENCE")], Err(Cause::Uncertain)),
        (&[("MAIL", "450 later")], Err(Cause::Busy)),
        (&[("MAIL", "550 never")], Err(Cause::Refused)),
        (&[("MAIL", "CUT")], Err(Cause::Broken)),
        (&[("RCPT TO:<ana@", "550 5.1.1 no such user")], Ok("mail.test answered 250; refused: ana@example.com")),
        (&[("RCPT", "550 5.1.1 no such user")], Err(Cause::Refused)),
        (&[("RCPT TO:<ana@", "451 greylisted")], Err(Cause::Busy)),
        (&[("DATA", "451 later")], Err(Cause::Busy)),
        (&[("DATA", "CUT")], Err(Cause::Broken)),
        (&[("END", "CUT")], Err(Cause::Uncertain)),
        (&[("END", "SILENCE")], Err(Cause::Uncertain)),
        (&[("END", "452 full")], Err(Cause::Busy)),
        (&[("END", "554 spam")], Err(Cause::Refused)),
    ];
    for (answers, wanted) in cases {
        let server = MailServer::start(Script { answers: answers.to_vec(), ..Script::default() }).await;
        let mut smtp = smtp(server.port, Encryption::None, &[]);
        if answers.iter().any(|(_, answer)| *answer == "SILENCE") {
            smtp.whole = Duration::from_secs(2);
        }
        let outcome = smtp.send(&message(|_| {}), 1, at(NOW)).await;
        match (&outcome, wanted) {
            (Outcome::Delivered(said), Ok(wanted)) => assert_eq!(said, wanted, "{answers:?}"),
            (Outcome::Failed(failure), Err(cause)) => assert_eq!(failure.cause, cause, "{answers:?}: {}", failure.said),
            (outcome, _) => panic!("{answers:?}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn the_guard_judges_mail_servers_too() {
    let server = MailServer::start(Script::default()).await;
    let sent = async |host: &str, encryption: Encryption| {
        let smtp = Smtp { host: host.to_owned(), ..smtp(server.port, encryption, &[]) };
        match smtp.send(&message(|_| {}), 1, at(NOW)).await {
            Outcome::Failed(failure) => (failure.cause, failure.said),
            other => panic!("{other:?}"),
        }
    };
    let (cause, said) = sent("inner.test", Encryption::None).await;
    assert_eq!(cause, Cause::Blocked);
    assert!(said.starts_with("inner.test is 127.0.0.1, which is this machine itself"), "{said}");
    let (cause, said) = sent("elsewhere.test", Encryption::None).await;
    assert_eq!(cause, Cause::Blocked);
    assert!(said.starts_with("the way to elsewhere.test is not encrypted"), "{said}");
    assert_eq!(sent("elsewhere.test", Encryption::StartTls).await.0, Cause::Unreachable);
    assert!(server.heard().is_empty());
}

#[tokio::test]
async fn nothing_is_said_before_the_way_is_encrypted() {
    let Some(certificates) = Certificates::make() else {
        println!("skipped: no openssl here");
        return;
    };
    let tls = Some(certificates.acceptor());
    let roots = [certificates.root.clone()];
    let secret = || Some(("leap".to_owned(), Secret::new("hunter2").unwrap()));
    for (encryption, at_once) in [(Encryption::Tls, true), (Encryption::StartTls, false)] {
        let server = MailServer::start(Script { tls: tls.clone(), at_once, answers: Vec::new() }).await;
        let trusting = Smtp { login: secret(), ..smtp(server.port, encryption, &roots) };
        let outcome = trusting.send(&message(|_| {}), 1, at(NOW)).await;
        assert_eq!(outcome, Outcome::Delivered("mail.test answered 250".to_owned()), "{encryption:?}");
        let heard = server.heard();
        let first =
            if at_once { vec!["EHLO example.com"] } else { vec!["EHLO example.com", "STARTTLS", "EHLO example.com"] };
        assert_eq!(heard[..first.len()], first);
        // user and password of AUTH PLAIN, in Base64
        assert_eq!(heard[first.len()], "AUTH PLAIN AGxlYXAAaHVudGVyMg==");
        // A certificate that nobody vouches for.
        let before = heard.len();
        let doubting = Smtp { login: secret(), ..smtp(server.port, encryption, &[]) };
        let outcome = doubting.send(&message(|_| {}), 1, at(NOW)).await;
        assert!(matches!(&outcome, Outcome::Failed(failure) if failure.cause == Cause::Unreachable), "{outcome:?}");
        assert!(server.heard()[before..].iter().all(|line| !line.starts_with("AUTH") && !line.starts_with("MAIL")));
    }
    let cases: [(Said<'_>, Cause, &str); 4] = [
        (&[("EHLO", "250 mail.test")], Cause::Unreachable, "it offers no STARTTLS, and nothing is said without"),
        (&[("STARTTLS", "454 not now")], Cause::Unreachable, "it says 454 where 220 was expected"),
        // Somebody on the way puts in an answer of their own.
        (&[("STARTTLS", "220 go ahead\r\n250 ok")], Cause::Unreachable, "no TLS"),
        (&[("AUTH", "535 wrong: hunter2")], Cause::Refused, "mail.test refuses the login"),
    ];
    for (answers, cause, why) in cases {
        let server = MailServer::start(Script { tls: tls.clone(), at_once: false, answers: answers.to_vec() }).await;
        let trusting = Smtp { login: secret(), ..smtp(server.port, Encryption::StartTls, &roots) };
        match trusting.send(&message(|_| {}), 1, at(NOW)).await {
            Outcome::Failed(failure) => {
                assert_eq!(failure.cause, cause, "{}", failure.said);
                assert!(failure.said.contains(why) && !failure.said.contains("hunter2"), "{}", failure.said);
            }
            other => panic!("{answers:?}: {other:?}"),
        }
        assert!(server.heard().iter().all(|line| !line.starts_with("MAIL")));
    }
}
