//! Nowhere that messages must not go: hosts, redirects, names that change their meaning, proxies, certificates.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use leap_act::channels::Channel;
use leap_act::egress::{Client, ClientSettings};
use leap_act::policy::{Cause, Outcome};

use super::certificates::Certificates;
use super::server::{Reply, Server};
use super::services::{channels, webhook};
use super::{NOW, at, client, guard, message, rebinding, settings};

fn blocked(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed(failure) if failure.cause == Cause::Blocked => failure.said.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_host_that_is_inside_is_not_reached() {
    let server = Server::start(|_, _| Reply::status(200)).await;
    let port = server.address.port();
    let cases = [
        ("inner.test".to_owned(), "inner.test is 127.0.0.1, which is this machine itself; where messages may go there"),
        ("mixed.test".to_owned(), "mixed.test is 127.0.0.1, which is this machine itself; where messages may go there"),
        ("127.0.0.1".to_owned(), "127.0.0.1 is this machine itself"),
        ("2130706433".to_owned(), "127.0.0.1 is this machine itself"),
        ("[::ffff:127.0.0.1]".to_owned(), "is not encrypted"),
        ("hooks.test@127.0.0.1".to_owned(), "has a user or password in it"),
    ];
    for (host, why) in cases {
        for (_, channel) in channels(&client(), |path| format!("http://{host}:{port}{path}")) {
            let said = blocked(&channel.send(&message(|_| {}), 1, at(NOW)).await);
            assert!(said.contains(why), "{host}: {said}");
        }
    }
    assert!(server.heard().is_empty());
}

#[tokio::test]
async fn redirects_are_judged_one_by_one() {
    let inner = Server::start(|_, _| Reply::status(200)).await;
    let inner_port = inner.address.port();
    let cases = [
        (format!("http://127.0.0.1:{inner_port}/"), "127.0.0.1 is this machine itself"),
        (format!("http://inner.test:{inner_port}/"), "inner.test is 127.0.0.1, which is this machine itself"),
        ("https://169.254.169.254/latest/meta-data/".to_owned(), "an address at which a cloud keeps credentials"),
        ("https://[::ffff:169.254.169.254]/".to_owned(), "an address at which a cloud keeps credentials"),
        ("https://[64:ff9b::a9fe:a9fe]/".to_owned(), "an address at which a cloud keeps credentials"),
        ("https://10.0.0.1/".to_owned(), "10.0.0.1 is a private network"),
        ("http://elsewhere.test/".to_owned(), "the way to elsewhere.test is not encrypted"),
        ("file:///etc/passwd".to_owned(), "the address names no host"),
        ("gopher://hooks.test/".to_owned(), "gopher: is neither https: nor http:"),
        ("/loop".to_owned(), "it redirects more than 3 times"),
    ];
    for (to, why) in cases {
        for status in [301, 302, 307, 308] {
            let location = to.clone();
            let server = Server::start(move |_, _| Reply::redirect(status, &location)).await;
            let channel = webhook(&client(), &server.url("hooks.test", "/webhook"));
            let said = blocked(&channel.send(&message(|_| {}), 1, at(NOW)).await);
            assert!(said.contains(why), "{to}: {said}");
            assert_eq!(server.heard().len(), if to == "/loop" { 4 } else { 1 }, "{to}");
        }
    }
    assert!(inner.heard().is_empty());
}

#[tokio::test]
async fn a_redirect_repeats_the_message_where_it_may_go() {
    let other = Server::start(|_, _| Reply::status(202)).await;
    let to = other.url("other.test", "/there?x=1");
    let server = Server::start(move |_, _| Reply::redirect(308, &to)).await;
    let channel = webhook(&client(), &server.url("hooks.test", "/webhook"));
    let outcome = channel.send(&message(|_| {}), 1, at(NOW)).await;
    assert_eq!(outcome, Outcome::Delivered("the webhook's receiver answered 202".to_owned()));
    let (first, second) = (&server.heard()[0], &other.heard()[0]);
    assert_eq!(second.line, "POST /there?x=1 HTTP/1.1");
    assert_eq!(first.body, second.body);
    assert_eq!(first.header("webhook-signature"), second.header("webhook-signature"));
    assert!(second.header("referer").is_none());
}

#[tokio::test]
async fn a_secret_goes_to_no_other_host() {
    let other = Server::start(|_, _| Reply::status(200)).await;
    let to = other.url("other.test", "/");
    let server = Server::start(move |_, _| Reply::redirect(307, &to)).await;
    for (name, channel) in channels(&client(), |path| server.url("hooks.test", path)).into_iter().take(3) {
        let said = blocked(&channel.send(&message(|_| {}), 1, at(NOW)).await);
        assert_eq!(said, "it redirects to other.test, and a secret would go with the request", "{name}");
    }
    assert!(other.heard().is_empty());
    // On the same host it goes along.
    let server = Server::start(|at, _| if at == 0 { Reply::redirect(307, "/moved") } else { Reply::status(200) }).await;
    for (_, channel) in channels(&client(), |path| server.url("hooks.test", path)).into_iter().take(1) {
        assert!(matches!(channel.send(&message(|_| {}), 1, at(NOW)).await, Outcome::Delivered(_)));
    }
    assert_eq!(server.heard()[1].line, "POST /moved HTTP/1.1");
}

#[tokio::test]
async fn a_name_that_changes_its_meaning_is_judged_at_each_connection() {
    let server = Server::start_at("127.0.0.2:0", None, |_, _| Reply::status(200)).await;
    let inside =
        Server::start_at(&format!("127.0.0.1:{}", server.address.port()), None, |_, _| Reply::status(200)).await;
    let (guard, names) = rebinding(vec![vec!["127.0.0.2"], vec!["127.0.0.1"]], "127.0.0.2/32");
    let client = Client::new(Arc::new(guard), &settings()).unwrap();
    let channel = webhook(&client, &server.url("hooks.test", "/"));
    assert!(matches!(channel.send(&message(|_| {}), 1, at(NOW)).await, Outcome::Delivered(_)));
    // The address that was judged is the one that was connected to: nobody asked twice.
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    let said = blocked(&channel.send(&message(|_| {}), 2, at(NOW)).await);
    assert!(said.starts_with("hooks.test is 127.0.0.1, which is this machine itself"), "{said}");
    assert_eq!((server.heard().len(), inside.heard().len()), (1, 0));
}

#[tokio::test]
async fn a_proxy_is_used_where_one_is_declared() {
    let proxy = Server::start(|_, _| Reply::status(200)).await;
    let declared = ClientSettings {
        proxy: Some(format!("http://127.0.0.1:{}", proxy.address.port()).parse().unwrap()),
        ..settings()
    };
    let client = Client::new(Arc::new(guard()), &declared).unwrap();
    // The proxy connects, so what the name means is its business; numbers are judged all the same.
    let channel = webhook(&client, "http://inner.test/x");
    assert!(matches!(channel.send(&message(|_| {}), 1, at(NOW)).await, Outcome::Delivered(_)));
    assert_eq!(proxy.heard()[0].line, "POST http://inner.test/x HTTP/1.1");
    let channel = webhook(&client, "https://10.0.0.1/x");
    assert!(blocked(&channel.send(&message(|_| {}), 1, at(NOW)).await).starts_with("10.0.0.1 is a private network"));
    assert_eq!(proxy.heard().len(), 1);
}

#[tokio::test]
async fn certificates_are_judged_and_https_does_not_become_http() {
    let Some(certificates) = Certificates::make() else {
        println!("skipped: no openssl here");
        return;
    };
    let plain = Server::start(|_, _| Reply::status(200)).await;
    let to = plain.url("hooks.test", "/");
    let tls = Some(certificates.acceptor());
    let server = Server::start_at("127.0.0.1:0", tls, move |at, _| match at {
        0 => Reply::status(200),
        _ => Reply::redirect(307, &to),
    })
    .await;
    let url = |host: &str| format!("https://{host}:{}/", server.address.port());
    let trusting = ClientSettings { roots: vec![certificates.root.clone()], ..settings() };
    let trusting = Client::new(Arc::new(guard()), &trusting).unwrap();
    let said = message(|_| {});
    let outcome = webhook(&client(), &url("hooks.test")).send(&said, 1, at(NOW)).await;
    assert!(matches!(&outcome, Outcome::Failed(failure) if failure.cause == Cause::Unreachable), "{outcome:?}");
    // The certificate is of hooks.test and mail.test.
    let outcome = webhook(&trusting, &url("other.test")).send(&said, 1, at(NOW)).await;
    assert!(matches!(&outcome, Outcome::Failed(failure) if failure.cause == Cause::Unreachable), "{outcome:?}");
    let outcome = webhook(&trusting, &url("hooks.test")).send(&said, 1, at(NOW)).await;
    assert_eq!(outcome, Outcome::Delivered("the webhook's receiver answered 200".to_owned()));
    let said = blocked(&webhook(&trusting, &url("hooks.test")).send(&said, 1, at(NOW)).await);
    assert_eq!(said, "it redirects from https to http at hooks.test");
    assert_eq!((server.heard().len(), plain.heard().len()), (2, 0));
}
