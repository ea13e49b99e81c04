//! Logging in at an OpenID provider that the test itself runs: what lets somebody in, and everything that does not.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::bill::{ORG, RULES, bill};
use crate::harness::{Home, text};
use crate::site::{Answer, Site};

const SECRET: &str = "the client's: secret, with signs";
const PASSWORD: &str = "correct horse battery";

/// What signs.
enum Signer {
    Elliptic(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The numbers of an RSA key in DER: SEQUENCE { INTEGER n, INTEGER e }, with lengths of two bytes and of one.
fn rsa_numbers(der: &[u8]) -> (String, String) {
    assert_eq!((der[0], der[1], der[4], der[5]), (0x30, 0x82, 2, 0x82));
    let length = usize::from(der[6]) * 256 + usize::from(der[7]);
    let (n, rest) = der[8..].split_at(length);
    assert_eq!(rest[0], 2);
    (b64(n), b64(&rest[2..]))
}

impl Signer {
    fn elliptic() -> Signer {
        Signer::Elliptic(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"))
    }

    fn rsa() -> Signer {
        Signer::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"))
    }

    fn alg(&self) -> &'static str {
        match self {
            Signer::Elliptic(_) => "ES256",
            Signer::Rsa(_) => "RS256",
        }
    }

    /// As a set of keys has it.
    fn published(&self, kid: &str) -> Value {
        match self {
            Signer::Elliptic(pair) => {
                let point = pair.public_key().as_ref().to_vec();
                json!({ "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": b64(&point[1..33]), "y": b64(&point[33..]) })
            }
            Signer::Rsa(pair) => {
                let (n, e) = rsa_numbers(pair.public_key().as_ref());
                json!({ "kty": "RSA", "alg": "RS256", "kid": kid, "n": n, "e": e })
            }
        }
    }

    fn sign(&self, text: &str) -> Vec<u8> {
        match self {
            Signer::Elliptic(pair) => {
                pair.sign(&SystemRandom::new(), text.as_bytes()).expect("signs").as_ref().to_vec()
            }
            Signer::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).expect("signs");
                signature
            }
        }
    }
}

/// How the provider is, and who logs in there.
struct State {
    signer: Signer,
    kid: String,
    /// The key set.
    published: Vec<Value>,
    /// Claims of the person, above those of the login.
    person: Value,
    /// Claims that replace the right ones.
    wrong: Value,
    /// The algorithm that the head names, where it is not that of the key.
    alg: Option<&'static str>,
    /// Refuses at the login: error and reason.
    error: Option<(String, String)>,
    /// Its clock, where it is not that of the machine.
    now: Option<i64>,
    codes: HashMap<String, HashMap<String, String>>,
    made: usize,
    asked: Vec<String>,
}

struct Provider {
    issuer: String,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
}

impl Provider {
    fn start() -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let issuer = format!("http://{}/realms/acme", listener.local_addr().expect("an address"));
        let signer = Signer::elliptic();
        let published = vec![json!({ "kty": "oct", "kid": "k1", "k": "AA" }), signer.published("k1")];
        let state = State {
            signer,
            kid: "k1".to_owned(),
            published,
            person: json!({ "sub": "ana-1" }),
            wrong: json!({}),
            alg: None,
            error: None,
            now: None,
            codes: HashMap::new(),
            made: 0,
            asked: Vec::new(),
        };
        let (state, stop) = (Arc::new(Mutex::new(state)), Arc::new(AtomicBool::new(false)));
        let (own, stopped, name) = (state.clone(), stop.clone(), issuer.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                answer(stream, &name, &own);
            }
        });
        Provider { issuer, state, stop }
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().expect("no test panics with it"));
    }

    fn asked(&self, what: &str) -> usize {
        let state = self.state.lock().expect("no test panics with it");
        state.asked.iter().filter(|path| path.contains(what)).count()
    }

    /// `leap.toml` for this provider.
    fn settings(&self, more: &str) -> String {
        format!(
            "[login.oidc]\nissuer = \"{}\"\nclient_id = \"leap\"\nsecret_file = \"oidc-secret\"\nlabel = \"Acme <SSO>\"\n{more}",
            self.issuer
        )
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let host = self.issuer.trim_start_matches("http://").split('/').next().unwrap_or_default();
        drop(TcpStream::connect(host));
    }
}

/// Fields of a query or form.
fn fields(text: &str) -> HashMap<String, String> {
    let plain = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            match byte {
                b'+' => bytes.push(b' '),
                b'%' => {
                    let hex = [rest.next().expect("a digit"), rest.next().expect("a digit")];
                    let hex = std::str::from_utf8(&hex).expect("ASCII");
                    bytes.push(u8::from_str_radix(hex, 16).expect("a byte"));
                }
                byte => bytes.push(byte),
            }
        }
        String::from_utf8(bytes).expect("UTF-8")
    };
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (plain(name), plain(value))).collect()
}

/// One request to the provider.
fn answer(mut stream: TcpStream, issuer: &str, state: &Mutex<State>) {
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    let (head, body) = loop {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(length) => request.extend_from_slice(&buffer[..length]),
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            break (head.to_owned(), body.to_owned());
        }
    };
    let target = head.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut state = state.lock().expect("no test panics with it");
    state.asked.push(path.to_owned());
    let (status, extra, body) = match path.strip_prefix("/realms/acme").unwrap_or_default() {
        "/.well-known/openid-configuration" => {
            let document = json!({
                "issuer": issuer, "authorization_endpoint": format!("{issuer}/auth?realm=acme"),
                "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/certs"),
                "response_types_supported": ["code"], "id_token_signing_alg_values_supported": ["ES256", "RS256"],
                "authorization_response_iss_parameter_supported": true,
            });
            ("200 OK", String::new(), document.to_string())
        }
        "/certs" => ("200 OK", String::new(), json!({ "keys": state.published }).to_string()),
        "/auth" => {
            ("302 Found", format!("Location: {}\r\n", logged_in(&mut state, issuer, &fields(query))), String::new())
        }
        "/token" => match token(&mut state, issuer, &head, &fields(&body)) {
            Ok(token) => (
                "200 OK",
                String::new(),
                json!({ "access_token": "x", "token_type": "Bearer", "id_token": token }).to_string(),
            ),
            Err(error) => ("400 Bad Request", String::new(), json!({ "error": error }).to_string()),
        },
        _ => ("404 Not Found", String::new(), "{}".to_owned()),
    };
    let length = body.len();
    let _ = write!(stream, "HTTP/1.1 {status}\r\n{extra}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
}

/// Somebody logs in at the provider; where the browser goes then.
fn logged_in(state: &mut State, issuer: &str, asked: &HashMap<String, String>) -> String {
    assert_eq!((asked["response_type"].as_str(), asked["client_id"].as_str()), ("code", "leap"));
    assert_eq!((asked["code_challenge_method"].as_str(), asked["realm"].as_str()), ("S256", "acme"));
    assert!(asked["scope"].split(' ').any(|scope| scope == "openid"), "{}", asked["scope"]);
    let (to, own) = (&asked["redirect_uri"], &asked["state"]);
    if let Some((error, reason)) = &state.error {
        return format!("{to}?error={error}&error_description={reason}&state={own}&iss={issuer}");
    }
    state.made += 1;
    let code = format!("code-{}", state.made);
    state.codes.insert(code.clone(), asked.clone());
    format!("{to}?code={code}&state={own}&iss={issuer}&session_state=x")
}

/// An ID token for a code.
#[allow(clippy::disallowed_methods, reason = "a provider has a clock of its own")]
fn token(state: &mut State, issuer: &str, head: &str, form: &HashMap<String, String>) -> Result<String, &'static str> {
    let sent = head.lines().find_map(|line| line.strip_prefix("authorization: Basic "));
    let right = STANDARD.encode(format!(
        "leap:{}",
        SECRET.replace(':', "%3A").replace(',', "%2C").replace(' ', "%20").replace('\'', "%27")
    ));
    if sent != Some(&right) {
        return Err("invalid_client");
    }
    // A code is good once.
    let asked = state.codes.remove(&form["code"]).ok_or("invalid_grant")?;
    let challenge = b64(digest(&SHA256, form["code_verifier"].as_bytes()).as_ref());
    if form["grant_type"] != "authorization_code"
        || form["redirect_uri"] != asked["redirect_uri"]
        || challenge != asked["code_challenge"]
    {
        return Err("invalid_grant");
    }
    let now = state.now.unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        i64::try_from(since.as_secs()).expect("before the end")
    });
    let mut claims = json!({
        "iss": issuer, "aud": "leap", "nonce": asked["nonce"], "iat": now, "exp": now + 300, "auth_time": now,
    });
    for more in [&state.person, &state.wrong] {
        for (name, value) in more.as_object().expect("claims") {
            claims[name] = value.clone();
        }
    }
    let alg = state.alg.unwrap_or(state.signer.alg());
    let head = json!({ "alg": alg, "kid": state.kid, "typ": "JWT" });
    let start = format!("{}.{}", b64(head.to_string().as_bytes()), b64(claims.to_string().as_bytes()));
    let signature = if alg == "none" { Vec::new() } else { state.signer.sign(&start) };
    Ok(format!("{start}.{}", b64(&signature)))
}

/// What a browser keeps of an answer: name and value of each cookie that is not taken away.
fn kept(answer: &Answer) -> Vec<(String, String)> {
    let lines = answer.head.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
    let pairs =
        lines.filter(|line| !line.contains("Max-Age=0")).filter_map(|line| line.split(';').next()?.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A login on its way: where the provider is asked, and the cookie that belongs to it.
struct Begun {
    location: String,
    cookie: String,
}

fn begin(site: &Site, query: &str, session: &str) -> Begun {
    let answer = site.ask("GET", &format!("/login/oidc{query}"), &[("Cookie", session)], "");
    assert_eq!(answer.status, 303, "{}", answer.body);
    let cookie = kept(&answer).into_iter().find(|(name, _)| name == "leap_login").expect("a cookie of the login");
    assert!(answer.head.contains("HttpOnly; SameSite=Lax"), "{}", answer.head);
    Begun { location: answer.header("location").to_owned(), cookie: format!("leap_login={}", cookie.1) }
}

/// At the provider: the path on the site to which it sends back.
fn at_provider(begun: &Begun) -> String {
    let rest = begun.location.strip_prefix("http://").expect("an address");
    let (host, path) = rest.split_once('/').expect("a path");
    let mut stream = TcpStream::connect(host).expect("the provider");
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n").expect("asks");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let to = answer.lines().find_map(|line| line.strip_prefix("Location: ")).expect("sent back").to_owned();
    let path = to.splitn(4, '/').nth(3).expect("a path");
    format!("/{path}")
}

fn come_back(site: &Site, path: &str, cookie: &str) -> Answer {
    let from = [
        ("Cookie", cookie),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
    ];
    site.ask("GET", path, &from, "")
}

/// The whole way; the last answer.
fn log_in(site: &Site) -> Answer {
    let begun = begin(site, "?to=%2Forg", "");
    come_back(site, &at_provider(&begun), &begun.cookie)
}

/// The session that a login began.
#[track_caller]
fn session(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.body);
    let (_, secret) = kept(answer).into_iter().find(|(name, _)| name == "leap_session").expect("a session");
    assert!(answer.head.contains("leap_login=; Path=/; Max-Age=0"), "what belonged to the login goes: {}", answer.head);
    format!("leap_session={secret}")
}

/// Nobody was let in, for a reason with this word.
#[track_caller]
fn refused(answer: &Answer, word: &str) {
    assert_eq!(answer.status, 401, "{}", answer.body);
    assert!(kept(answer).is_empty(), "{}", answer.head);
    assert!(answer.body.contains(word), "no {word} in {}", answer.body);
}

fn home(provider: &Provider, more: &str) -> Home {
    let home = Home::with(ORG, RULES);
    home.ingest(&home.write("2026-08.csv", &bill("2026-08", &[("2026-08-10", "i-a", "a", "100.5")])));
    home.write("oidc-secret", &format!("{SECRET}\n"));
    home.write("home/leap.toml", &provider.settings(more));
    let added =
        home.told(&["user", "add", "eve", "--role", "administrator", "--password-stdin"], &format!("{PASSWORD}\n"));
    assert_eq!(added.code, 0, "{}", added.err);
    home
}

#[test]
fn who_is_known_at_the_provider_is_let_in() {
    let provider = Provider::start();
    let home = home(&provider, "");
    home.ok(&["user", "add", "ana", "--subject", "ana-1", "--role", "viewer"]);
    let site = Site::start(&home);
    let sheet = site.get("/login?to=%2Fexplore%3Fby%3Dteam").body;
    assert!(sheet.contains("Continue with Acme &lt;SSO&gt;"), "{sheet}");
    assert!(sheet.contains("href=\"/login/oidc?to=%2Fexplore%3Fby%3Dteam\""), "{sheet}");
    let begun = begin(&site, "?to=%2Fexplore%3Fby%3Dteam", "");
    let back = at_provider(&begun);
    let answer = come_back(&site, &back, &begun.cookie);
    assert_eq!(answer.header("location"), "/explore?by=team");
    let own = session(&answer);
    let page = site.ask("GET", "/account", &[("Cookie", &own)], "");
    assert!(page.status == 200 && page.body.contains("Logged in as ana"), "{}", page.body);
    // Neither nonce nor verifier were in the browser; the code was there once.
    assert!(!back.contains("nonce") && !begun.location.contains("code_verifier"));
    refused(&come_back(&site, &back, &begun.cookie), "has come back already");
    // Passwords go on working, and the person who has none cannot use one.
    let origin = format!("http://{}", site.address);
    let headers = [("Origin", origin.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(site.ask("POST", "/login", &headers, "name=ana&password=").status, 401);
    assert_eq!(site.ask("POST", "/login", &headers, "name=eve&password=correct+horse+battery").status, 303);
    let listed = home.json(&["user", "list"]);
    assert_eq!(listed["rows"][0]["login"], json!(["openid"]), "{listed:#}");
    let trail = home.ok(&["audit", "list", "--format", "json"]);
    assert!(
        trail.contains("openid") && trail.contains("ana-1") && !trail.contains("code-1") && !trail.contains(SECRET),
        "{trail}"
    );
    home.ok(&["audit", "verify"]);
    home.ok(&["doctor"]);
    // The provider describes itself once an hour, and its keys are kept.
    session(&log_in(&site));
    assert_eq!((provider.asked("openid-configuration"), provider.asked("/certs")), (1, 1));
}

#[test]
fn nothing_secret_is_logged() {
    let provider = Provider::start();
    let home = home(&provider, "");
    home.ok(&["user", "add", "ana", "--subject", "ana-1", "--role", "viewer"]);
    let site = Site::start_talking(&home);
    let begun = begin(&site, "", "");
    let back = at_provider(&begun);
    let own = session(&come_back(&site, &back, &begun.cookie));
    provider.set(|state| state.wrong = json!({ "nonce": "other" }));
    let wrong = begin(&site, "", "");
    let wrong_back = at_provider(&wrong);
    refused(&come_back(&site, &wrong_back, &wrong.cookie), "another login");
    let (code, said) = site.stop();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("/login/oidc/callback") && said.contains("belongs to another login"), "it does talk: {said}");
    let value = |text: &str, name: &str| {
        let rest = text.split(&format!("{name}=")).nth(1).expect("a value").to_owned();
        rest.split(['&', ';']).next().expect("a value").to_owned()
    };
    for way in [&back, &wrong_back] {
        for name in ["code", "state"] {
            let secret = value(way, name);
            assert!(!said.contains(&secret), "{name} {secret}: {said}");
        }
    }
    for secret in [value(&own, "leap_session"), value(&begun.cookie, "leap_login"), value(&begun.location, "nonce")] {
        assert!(!said.contains(&secret), "{secret}: {said}");
    }
    assert!(!said.contains(SECRET) && !said.contains("eyJ"), "a token or the client's secret: {said}");
}

#[test]
fn a_login_comes_back_into_the_browser_in_which_it_began() {
    let provider = Provider::start();
    let home = home(&provider, "");
    home.ok(&["user", "add", "ana", "--subject", "ana-1", "--role", "viewer"]);
    let site = Site::start(&home);
    let word = "did not begin in this browser";
    let (one, other) = (begin(&site, "", ""), begin(&site, "", ""));
    let back = at_provider(&one);
    refused(&come_back(&site, &back, ""), word);
    refused(&come_back(&site, &back, &other.cookie), word);
    refused(&come_back(&site, &back, "leap_login=x|y|z|/"), word);
    let state = back.split("state=").nth(1).expect("a state").split('&').next().expect("a state");
    refused(&come_back(&site, &back.replace(state, &"0".repeat(64)), &one.cookie), word);
    refused(&come_back(&site, &back.replace("state=", "other="), &one.cookie), word);
    // Of no other login was the code used up.
    assert_eq!(provider.asked("/token"), 0);
    refused(&come_back(&site, &back.replace("/realms/acme&", "/realms/evil&"), &one.cookie), "another issuer");
    // A code that was stolen is of no use in another browser, whose login has another verifier.
    let code = |back: &str| back.split("code=").nth(1).expect("a code").split('&').next().expect("a code").to_owned();
    let (mine, theirs) = (begin(&site, "", ""), begin(&site, "", ""));
    let (my_way, their_way) = (at_provider(&mine), at_provider(&theirs));
    let mixed = my_way.replace(&code(&my_way), &code(&their_way));
    refused(&come_back(&site, &mixed, &mine.cookie), "invalid_grant");
    refused(&come_back(&site, &their_way, &theirs.cookie), "invalid_grant");
    // Where it leads is this site, whatever was asked for.
    for to in ["https%3A%2F%2Fevil.example", "%2F%2Fevil.example", "%2F%5Cevil.example", "%2Flogin"] {
        let begun = begin(&site, &format!("?to={to}"), "");
        let answer = come_back(&site, &at_provider(&begun), &begun.cookie);
        assert_eq!(answer.header("location"), "/", "{to}");
        let moved = begun.cookie.replace("|%2F", "|%2F%2Fevil.example");
        refused(&come_back(&site, &at_provider(&begun), &moved), word);
    }
}

#[test]
fn a_token_that_is_wrong_lets_nobody_in() {
    let provider = Provider::start();
    let home = home(&provider, "");
    home.ok(&["user", "add", "ana", "--subject", "ana-1", "--role", "viewer"]);
    let site = Site::start(&home);
    for (claims, word) in [
        (json!({ "nonce": "other" }), "belongs to another login"),
        (json!({ "aud": "other" }), "meant for another client"),
        (json!({ "aud": ["leap", "other"] }), "several clients"),
        (json!({ "azp": "other" }), "made for another client"),
        (json!({ "iss": "https://evil.example" }), "another issuer"),
        (json!({ "exp": 1_700_000_000 }), "has expired"),
        (json!({ "iat": 4_000_000_000_i64 }), "not good yet"),
        (json!({ "sub": "" }), "names no person"),
    ] {
        provider.set(|state| state.wrong = claims);
        refused(&log_in(&site), word);
    }
    provider.set(|state| state.wrong = json!({}));
    for alg in ["none", "HS256"] {
        provider.set(|state| state.alg = Some(alg));
        refused(&log_in(&site), "RS256 and ES256 are accepted");
    }
    provider.set(|state| state.alg = None);
    session(&log_in(&site));
    // Another key than the provider shows, then its next one, of the other kind.
    let before = provider.asked("/certs");
    provider.set(|state| (state.signer, state.kid) = (Signer::rsa(), "k2".to_owned()));
    refused(&log_in(&site), "a key that the provider does not have");
    provider.set(|state| state.published = vec![state.signer.published("k2")]);
    session(&log_in(&site));
    session(&log_in(&site));
    assert_eq!(provider.asked("/certs"), before + 2, "the set was asked for again when a key was not in it, and kept");
    // Signed by somebody who knows the name of the key.
    provider.set(|state| state.signer = Signer::rsa());
    refused(&log_in(&site), "signature of the ID token is wrong");
    // The provider refuses, in words that are text.
    provider
        .set(|state| state.error = Some(("access_denied".to_owned(), "Not%20you%20%3Cimg%20src%3Dx%3E%0A".to_owned())));
    let answer = log_in(&site);
    refused(&answer, "access_denied");
    assert!(answer.body.contains("Not you &lt;img src=x&gt;") && !answer.body.contains("<img"), "{}", answer.body);
    // The wrong secret of the client.
    provider.set(|state| state.error = None);
    drop(site);
    home.write("oidc-secret", "another");
    refused(&log_in(&Site::start(&home)), "invalid_client");
    // A provider that is not there.
    home.write("home/leap.toml", &provider.settings("").replace("/realms/acme", "/realms/none"));
    let answer = Site::start(&home).get("/login/oidc");
    let is_kept_back = !answer.body.contains("realms") && answer.body.contains("the log of the server says why");
    assert!(answer.status == 500 && is_kept_back, "{}", answer.body);
}

#[test]
fn people_are_who_the_provider_says_and_have_the_roles_of_their_groups() {
    let provider = Provider::start();
    let groups = "[login.oidc.groups]\nfinance = [\"viewer\", \"approver\"]\n\"a leads\" = [\"team-lead@a\"]\n";
    let home = home(&provider, groups);
    let site = Site::start(&home);
    let as_person = |claims: Value| provider.set(|state| state.person = claims);
    let mut eve = json!({ "sub": "ana-1", "preferred_username": "Eve", "name": "Eve <b>", "email": "eve@acme.example",
        "email_verified": true, "groups": ["a leads", "others"] });
    // Who was given no login gets none, whatever they call themselves.
    as_person(eve.clone());
    let answer = log_in(&site);
    refused(&answer, "leap user add NAME --subject ana-1");
    assert!(!answer.body.contains("team-lead"), "{}", answer.body);
    drop(site);
    home.write("home/leap.toml", &provider.settings(&format!("add_people = true\n{groups}")));
    let site = Site::start(&home);
    let roles = |name: &str| {
        let listed = home.json(&["user", "list"]);
        let rows = listed["rows"].as_array().expect("rows").clone();
        let row = rows.into_iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name} in {listed:#}"));
        row["roles"].as_array().expect("roles").iter().map(text).collect::<Vec<_>>()
    };
    // Who has a password already may be the same person: no second account that could approve what the first asks for.
    refused(&log_in(&site), "leap user identity NAME --subject");
    eve["preferred_username"] = json!("Ev");
    as_person(eve.clone());
    let own = session(&log_in(&site));
    let page = site.ask("GET", "/account", &[("Cookie", &own)], "").body;
    assert!(page.contains("Logged in as ev") && page.contains("Eve &lt;b&gt;"), "not the eve of a password: {page}");
    assert_eq!((roles("ev"), roles("eve")), (vec!["team-lead@a".to_owned()], vec!["administrator".to_owned()]));
    // Groups change, and with them roles; what was given by hand stays; open pages end with what was taken.
    home.ok(&["user", "grant", "ev", "viewer@b"]);
    let mut moved = eve.clone();
    moved["groups"] = json!("finance");
    moved["preferred_username"] = json!("somebody else");
    as_person(moved);
    let next = session(&log_in(&site));
    assert_eq!(roles("ev"), ["approver", "viewer", "viewer@b"]);
    assert_eq!(site.ask("GET", "/org", &[("Cookie", &own)], "").status, 303);
    assert_eq!(site.ask("GET", "/org", &[("Cookie", &next)], "").status, 200);
    let mut none = eve.clone();
    none["groups"] = Value::Null;
    as_person(none);
    session(&log_in(&site));
    assert_eq!(roles("ev"), ["viewer@b"]);
    let mut many = eve.clone();
    many["_claim_names"] = json!({ "groups": "src1" });
    as_person(many);
    refused(&log_in(&site), "too many groups");
    // Somebody else, though of the same name and address.
    let mut other = eve.clone();
    other["sub"] = json!("ana-2");
    as_person(other);
    session(&log_in(&site));
    assert_eq!(roles("ev-2"), ["team-lead@a"]);
    // Who was shut out stays out.
    home.ok(&["user", "disable", "ev-2"]);
    refused(&log_in(&site), "was shut");
    // A login of before can be made known at the provider, once.
    home.ok(&["user", "add", "bo", "--role", "viewer", "--subject", "bo-7"]);
    let twice = home.run(&["user", "identity", "eve", "--subject", "bo-7"]);
    assert!(twice.code == 2 && twice.err.contains("bo has that identity already"), "{}", twice.err);
    home.ok(&["user", "identity", "bo", "--none"]);
    home.ok(&["user", "identity", "eve", "--subject", "bo-7"]);
    as_person(json!({ "sub": "bo-7", "groups": [] }));
    let admin = session(&log_in(&site));
    let page = site.ask("GET", "/account", &[("Cookie", &admin)], "").body;
    assert!(page.contains("Logged in as eve") && page.contains("administrator"), "{page}");
    home.ok(&["audit", "verify"]);
    home.ok(&["doctor"]);
}

#[test]
fn an_old_login_is_proved_again_at_the_provider_by_the_same_person() {
    let provider = Provider::start();
    let home = home(&provider, "");
    for (name, subject) in [("ana", "ana-1"), ("bo", "bo-1")] {
        home.ok(&["user", "add", name, "--subject", subject, "--role", "viewer"]);
    }
    let seven = 1_795_852_800;
    provider.set(|state| state.now = Some(seven));
    let own = session(&log_in(&Site::start_at(&home, "2026-11-28T08:00:00Z")));
    let site = Site::start_at(&home, "2026-11-28T09:00:00Z");
    provider.set(|state| state.now = Some(seven + 3600));
    let origin = format!("http://{}", site.address);
    let make = |session: &str| {
        let headers =
            [("Origin", origin.as_str()), ("Cookie", session), ("Content-Type", "application/x-www-form-urlencoded")];
        site.ask("POST", "/account/tokens", &headers, "for=grafana")
    };
    let asked = make(&own);
    assert_eq!((asked.status, asked.header("location")), (303, "/login/again?to=%2Faccount"));
    let sheet = site.ask("GET", asked.header("location"), &[("Cookie", &own)], "").body;
    assert!(
        sheet.contains("/login/oidc?to=%2Faccount&amp;again=yes") && !sheet.contains("type=\"password\""),
        "{sheet}"
    );
    let again = || begin(&site, "?to=%2Faccount&again=yes", &own);
    let both = |begun: &Begun| format!("{own}; {}", begun.cookie);
    // The provider says that it was long ago, or does not say when, or it is somebody else.
    for (person, word) in [
        (json!({ "sub": "ana-1", "auth_time": seven }), "logged in just now"),
        (json!({ "sub": "ana-1", "auth_time": null }), "logged in just now"),
        (json!({ "sub": "bo-1" }), "somebody else"),
    ] {
        provider.set(|state| state.person = person);
        let begun = again();
        refused(&come_back(&site, &at_provider(&begun), &both(&begun)), word);
    }
    provider.set(|state| state.person = json!({ "sub": "ana-1" }));
    let begun = again();
    assert!(begun.location.contains("prompt=login") && begun.location.contains("max_age=0"), "{}", begun.location);
    let answer = come_back(&site, &at_provider(&begun), &both(&begun));
    assert_eq!(answer.header("location"), "/account");
    let fresh = session(&answer);
    assert!(make(&fresh).body.contains("leap_pat_"));
    assert_eq!(make(&own).header("location"), "", "the session before has ended");
    // A provider that does not say when somebody logged in lets them in, and they prove it before they make something.
    provider.set(|state| state.person = json!({ "sub": "bo-1", "auth_time": null }));
    let bo = session(&log_in(&site));
    assert_eq!(make(&bo).header("location"), "/login/again?to=%2Faccount");
}

#[test]
fn settings_that_cannot_be_are_named() {
    let provider = Provider::start();
    let home = home(&provider, "");
    let free = "127.0.0.1:0";
    let refused = |settings: String, more: &[&str], word: &str| {
        home.write("home/leap.toml", &settings);
        let mut args = vec!["serve", "--listen", free, "--otlp-http", free, "--otlp-grpc", free];
        args.extend(more);
        let ran = home.run(&args);
        assert!(ran.code == 2 && ran.err.contains(word), "{} {}", ran.code, ran.err);
    };
    let right = provider.settings("");
    refused(right.replace("http://127.0.0.1", "http://login.example"), &[], "login.oidc.issuer");
    refused(right.replace("\"oidc-secret\"", "\"nowhere\""), &[], "login.oidc.secret_file: could not read nowhere");
    refused(provider.settings("[login.oidc.groups]\nx = [\"king\"]\n"), &[], "login.oidc.groups.\"x\"");
    refused(provider.settings("secret = \"x\"\n"), &[], "unknown field `secret`");
    home.write("home/leap.toml", "");
    let ran = home.run(&["user", "add", "ana", "--subject", "x", "--role", "viewer"]);
    assert!(ran.code == 2 && ran.err.contains("[login.oidc]"), "{}", ran.err);
    let site = Site::start(&home);
    assert_eq!((site.get("/login/oidc").status, site.get("/login/oidc/callback").status), (404, 404));
    assert!(!site.get("/login").body.contains("Continue with"));
}
