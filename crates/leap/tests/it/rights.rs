//! Logins and rights from outside: every address with every method as everybody, and what somebody who sees a part of the
//! company can find out about the rest: nothing.

use serde_json::Value;

use crate::bill::{ORG, RULES, bill};
use crate::harness::{Home, Ran, text};
pub(crate) use crate::site::hidden;
use crate::site::{Answer, Site};

const PASSWORD: &str = "correct horse battery";

/// Who asks, with the roles.
const PEOPLE: [(&str, &[&str]); 8] = [
    ("eve", &["administrator"]),
    ("val", &["viewer"]),
    ("val-a", &["viewer@a"]),
    ("lea-a", &["team-lead@a"]),
    ("stu-a", &["steward@a"]),
    ("stu", &["steward"]),
    ("app", &["approver"]),
    ("app-a", &["approver@a"]),
];

pub(crate) fn add(home: &Home, name: &str, roles: &[&str]) -> Ran {
    let mut args = vec!["user", "add", name, "--password-stdin"];
    for role in roles {
        args.extend(["--role", role]);
    }
    home.told(&args, &format!("{PASSWORD}\n"))
}

/// Teams a and b with a resource each, and one that nobody owns.
fn home() -> Home {
    let home = Home::with(ORG, RULES);
    let july = [("2026-07-10", "i-a", "a", "80.25"), ("2026-07-31", "secret-b", "b", "11.75")];
    home.ingest(&home.write("2026-07.csv", &bill("2026-07", &july)));
    let august = [
        ("2026-08-10", "i-a", "a", "100.5"),
        ("2026-08-11", "secret-b", "b", "20.125"),
        ("2026-08-12", "secret-none", "", "3.375"),
        ("2026-08-31", "i-a", "alpha", "0.25"),
    ];
    home.ingest(&home.write("2026-08.csv", &bill("2026-08", &august)));
    home
}

fn with_people() -> Home {
    let home = home();
    for (name, roles) in PEOPLE {
        let added = add(&home, name, roles);
        assert_eq!(added.code, 0, "{}", added.err);
    }
    home
}

fn log_in(site: &Site, name: &str, password: &str) -> Answer {
    let origin = format!("http://{}", site.address);
    let headers = [("Origin", origin.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    site.ask("POST", "/login", &headers, &format!("name={name}&password={}&to=%2Forg", password.replace(' ', "+")))
}

/// The cookie of a session: `leap_session=…`.
pub(crate) fn cookie(site: &Site, name: &str) -> String {
    let answer = log_in(site, name, PASSWORD);
    assert_eq!((answer.status, answer.header("location")), (303, "/org"), "{}", answer.head);
    answer.header("set-cookie").split(';').next().expect("a cookie").to_owned()
}

pub(crate) fn as_person(site: &Site, method: &str, path: &str, cookie: &str) -> Answer {
    let origin = format!("http://{}", site.address);
    let mut headers = vec![("Origin", origin.as_str())];
    if !cookie.is_empty() {
        let name = if cookie.starts_with("Bearer") { "Authorization" } else { "Cookie" };
        headers.push((name, cookie));
    }
    site.ask(method, path, &headers, "")
}

/// An address of the table: method, path, what it needs.
struct Address {
    method: String,
    path: String,
    needs: String,
    is_page: bool,
}

/// The table, as the server itself describes it.
fn addresses(site: &Site, cookie: &str) -> Vec<Address> {
    let document = as_person(site, "GET", "/api/v1/openapi.json", cookie).json();
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            all.push(Address {
                method: method.to_uppercase(),
                path: path.clone(),
                needs: text(&operation["x-needs"]),
                is_page: true,
            });
        }
    }
    for own in document["x-own-routes"].as_array().expect("own routes") {
        all.push(Address {
            method: text(&own["method"]),
            path: text(&own["path"]),
            needs: text(&own["x-needs"]),
            is_page: false,
        });
    }
    assert!(all.len() > 20, "{} addresses", all.len());
    all
}

/// Whether somebody with these roles may ask, by the words of the documentation; `None`: nobody is logged in.
fn may(needs: &str, roles: Option<&[&str]>, is_token: bool) -> bool {
    let Some(roles) = roles else { return needs == "nothing" };
    let has = |role: &str| roles.iter().any(|own| own.split('@').next() == Some(role));
    let whole = |role: &str| roles.contains(&role);
    match needs {
        "nothing" | "person" => true,
        "login" => !is_token,
        "everything" => roles.iter().any(|role| !role.contains('@')),
        _ if is_token => false,
        "team-lead" => has("team-lead") || has("steward"),
        "team-lead everywhere" => whole("team-lead") || whole("steward"),
        other => match other.strip_suffix(" everywhere") {
            Some(role) => whole(role),
            None => has(other),
        },
    }
}

#[test]
fn every_address_answers_those_who_may_and_nobody_else() {
    let home = with_people();
    for unit in ["", "a"] {
        let mut args = vec!["token", "add", "--user", "val", "--for", "a test"];
        if !unit.is_empty() {
            args.extend(["--unit", unit]);
        }
        assert!(home.ok(&args).starts_with("leap_pat_"));
    }
    let token = |args: &[&str]| format!("Bearer {}", home.ok(args).trim());
    let whole = token(&["token", "add", "--user", "val", "--for", "all"]);
    let part = token(&["token", "add", "--user", "val", "--for", "a", "--unit", "a"]);
    let site = Site::start(&home);
    let mut people: Vec<(&str, Option<&[&str]>, String)> =
        PEOPLE.iter().map(|(name, roles)| (*name, Some(*roles), cookie(&site, name))).collect();
    people.push(("nobody", None, String::new()));
    people.push(("a wrong session", None, format!("leap_session={}", "0".repeat(64))));
    people.push(("a wrong token", None, "Bearer leap_pat_0".to_owned()));
    people.push(("a token", Some(&["viewer"]), whole));
    people.push(("a token of a", Some(&["viewer@a"]), part));
    let all = addresses(&site, &people[0].2);
    let (mut asked, mut wrong) = (0, Vec::new());
    for address in &all {
        let place = |unit: &str| {
            address
                .path
                .replace("{unit}", unit)
                .replace("{digest}/{file}", "0/x.css")
                .replace("{number}", "1")
                .replace("{channel}", "none")
                .replace("{contract}/{clause}", "none/none")
                .replace("{pool}", "none")
                .replace("{day}", "2026-08-01")
                .replace("{period}", "2026-08")
        };
        let query = if address.path == "/resource" { "?id=i-a" } else { "" };
        let own = format!("{}{query}", place("a"));
        for (name, roles, proof) in &people {
            let is_token = proof.starts_with("Bearer");
            let mut check = |method: &str, path: &str, right: &[u16]| {
                let status = as_person(&site, method, path, proof).status;
                asked += 1;
                if !right.contains(&status) {
                    wrong.push(format!("{method} {path} as {name}: {status}, not {right:?}"));
                }
            };
            let allowed = may(&address.needs, *roles, is_token);
            let is_html = !own.starts_with("/api/");
            let refused: &[u16] = match roles {
                // Nobody is led to the login, or told 401 where it is no page.
                None if address.method == "GET" && is_html => &[303],
                None => &[401],
                Some(_) => &[403],
            };
            // A form without fields is refused for what it lacks.
            let done: &[u16] = match (address.method.as_str(), address.path.as_str()) {
                ("POST", "/preferences" | "/logout") => &[303],
                // Closing asks for nothing: what it would do is shown.
                ("POST", "/periods/{period}/close") => &[200],
                ("POST", "/login" | "/login/again") => &[401, 429],
                // Nobody signed it.
                ("POST", "/slack/actions/{channel}") => &[403],
                // No provider is set, and the first person came long ago.
                (_, "/login/oidc" | "/login/oidc/callback" | "/setup") => &[404],
                ("POST", _) => &[404, 422],
                (_, "/assets/{digest}/{file}") => &[404],
                // Nothing has this number.
                (_, path) if path.ends_with("/{number}") => &[404],
                (_, "/contracts/{contract}/{clause}" | "/pools/{pool}" | "/pools/{pool}/{day}") => &[404],
                _ => &[200],
            };
            if address.path != "/logout" {
                check(&address.method, &own, if allowed { done } else { refused });
            }
            for other in ["PUT", "DELETE", "PATCH"] {
                let right: &[u16] = match roles {
                    _ if address.path.starts_with("/assets/") => &[405],
                    None => &[401],
                    Some(_) => &[405],
                };
                check(other, &own, right);
            }
            if address.is_page {
                let api = format!("/api/v1{own}");
                let refused: &[u16] = if roles.is_none() { &[401] } else { &[403] };
                check(&address.method, &api, if allowed { done } else { refused });
            }
            if address.path.contains("{unit}") && roles.is_some() {
                let sees_all = roles.is_some_and(|roles| roles.iter().any(|role| !role.contains('@')));
                check("GET", &place("b"), if sees_all { &[200] } else { &[404] });
                check("GET", &format!("/api/v1{}", place("b")), if sees_all { &[200] } else { &[404] });
                check("GET", &place("nobody"), &[404]);
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {asked} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
    println!("routes x roles: {asked} answers, unexpected 0");
    assert!(asked > 1000, "{asked}");
}

#[test]
fn who_sees_a_part_learns_nothing_of_the_rest() {
    let home = with_people();
    let site = Site::start(&home);
    // The same pages were made for somebody who sees all, and are kept.
    let all = cookie(&site, "val");
    let part = cookie(&site, "val-a");
    let secrets = ["secret-b", "secret-none", "20.125", "3.375", "11.75", "Team B", "124.25"];
    let paths = [
        "/",
        "/?under=b",
        "/?under=acme",
        "/?under=nobody",
        "/team/b",
        "/team/acme",
        "/team/a",
        "/explore",
        "/explore?by=team",
        "/explore?by=team,month&period=2026&compare=year",
        "/explore?by=resource",
        "/explore?by=path,pool",
        "/explore?rows=charges&period=2026",
        "/explore?rows=charges&team=b",
        "/explore?rows=charges&where=team%20%3D%20%27b%27",
        "/explore?where=ResourceId%20%3D%20%27secret-b%27",
        "/explore?by=ChargeDescription,resource",
        "/explore?by=team&pools=kept&org=as-is",
        "/resource?id=secret-b",
        "/resource?id=secret-none",
        "/resource?id=i-a",
        "/org",
        "/search?q=secret",
        "/search?q=team",
        "/search?q=b",
        "/search?q=tem%20b",
        "/search?kind=rule",
    ];
    for path in paths {
        let join = if path.contains('?') { '&' } else { '?' };
        for address in [path.to_owned(), format!("/api/v1{path}"), format!("{path}{join}format=csv")] {
            let seen = as_person(&site, "GET", &address, &all);
            assert!([200, 404, 422].contains(&seen.status), "{address}: {}", seen.status);
            let cut = as_person(&site, "GET", &address, &part);
            assert!([200, 404, 422].contains(&cut.status), "{address}: {}", cut.status);
            for secret in secrets {
                let asked = address.contains(secret) || address.contains(&secret.to_lowercase().replace(' ', "%20"));
                let tells = cut.body.contains(secret) && !asked;
                assert!(!tells, "{address} tells {secret}: {}", cut.body);
            }
        }
    }
    // What is not theirs and what does not exist are told apart by nothing.
    let of = |unit: &str| {
        as_person(&site, "GET", &format!("/team/{unit}"), &part).body.replace(&format!("\u{201c}{unit}\u{201d}"), "X")
    };
    let without_request = |text: String| text.split("Request").next().unwrap_or_default().to_owned();
    assert_eq!(without_request(of("b")), without_request(of("zz")));
    // Their own is there, to the last digit.
    let json = as_person(&site, "GET", "/api/v1/explore?by=team&period=2026-08", &part).json();
    let by = json["tables"].as_array().expect("tables").iter().find(|table| table["id"] == "by").expect("by").clone();
    assert_eq!((text(&by["sum"]), by["rows"].as_array().map(Vec::len)), ("100.75".to_owned(), Some(1)), "{by:#}");
    let page = as_person(&site, "GET", "/", &part).body;
    assert!(page.contains("100.75") && !page.contains(">Coverage<") && page.contains("viewer@a"), "{page}");
}

#[test]
fn a_session_ends_when_it_should() {
    let home = with_people();
    let site = Site::start(&home);
    let first = cookie(&site, "lea-a");
    let second = cookie(&site, "lea-a");
    assert_ne!(first, second, "each login has a secret of its own");
    let status = |proof: &str| as_person(&site, "GET", "/org", proof).status;
    assert_eq!((status(&first), status(&second)), (200, 200));
    let out = as_person(&site, "POST", "/logout", &first);
    assert_eq!((out.status, out.header("location")), (303, "/login"));
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{}", out.head);
    assert_eq!((status(&first), status(&second)), (303, 200), "one session ended, not the other");
    home.ok(&["user", "revoke", "lea-a", "team-lead@a"]);
    assert_eq!(status(&second), 303, "a role that is taken ends open pages");
    let third = cookie(&site, "lea-a");
    assert!(as_person(&site, "GET", "/", &third).body.contains("no role yet"));
    let changed = home.told(&["user", "password", "lea-a", "--password-stdin"], "another long password\n");
    assert_eq!(changed.code, 0, "{}", changed.err);
    assert_eq!(status(&third), 303);
    assert_eq!(log_in(&site, "lea-a", PASSWORD).status, 401);
    let token = format!("Bearer {}", home.ok(&["token", "add", "--user", "stu", "--for", "x"]).trim());
    let session = cookie(&site, "stu");
    assert_eq!((status(&token), status(&session)), (200, 200));
    home.ok(&["user", "disable", "stu"]);
    assert_eq!((status(&token), status(&session), log_in(&site, "stu", PASSWORD).status), (303, 303, 401));
    home.ok(&["user", "enable", "stu"]);
    assert_eq!(status(&token), 200);
    home.ok(&["token", "revoke", "1"]);
    assert_eq!(status(&token), 303);
    // All of that stands in the trail, and no secret does.
    let trail = home.ok(&["audit", "list", "--format", "json"]);
    for action in ["user added", "role given", "role taken", "password set", "user disabled", "token made", "logged in"]
    {
        assert!(trail.contains(action), "{action}: {trail}");
    }
    assert!(!trail.contains("argon2") && !trail.contains("leap_pat_") && !trail.contains(PASSWORD));
    home.ok(&["audit", "verify"]);
    home.ok(&["doctor"]);
}

#[test]
fn a_login_says_no_more_than_that_it_failed() {
    let home = with_people();
    let site = Site::start(&home);
    let wrong = log_in(&site, "val", "not the password");
    let unknown = log_in(&site, "nobody", "not the password");
    assert_eq!((wrong.status, unknown.status), (401, 401));
    let told = |answer: &Answer| answer.body.replace("nobody", "val");
    assert_eq!(told(&wrong), told(&unknown));
    assert!(wrong.header("set-cookie").is_empty());
    assert!(!wrong.body.contains("not the password"));
    // Guessing gets slow, for the name and for the address.
    let statuses: Vec<u16> = (0..6).map(|_| log_in(&site, "val", "not the password").status).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    let waits = log_in(&site, "val", PASSWORD);
    assert_eq!(waits.status, 429, "also with the right one");
    assert!(waits.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds >= 1), "{}", waits.head);
    // From elsewhere nothing can be sent here, a login neither.
    let foreign = [("Origin", "https://evil.example"), ("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(site.ask("POST", "/login", &foreign, "name=app&password=x").status, 403);
}

#[test]
fn people_are_added_with_care() {
    let home = home();
    let refused = |ran: Ran, code: i32, word: &str| {
        assert_eq!(ran.code, code, "{}", ran.err);
        assert!(ran.err.contains(word), "{}", ran.err);
    };
    refused(add(&home, "ana", &["viewer"]), 2, "--role administrator");
    refused(add(&home, "ana", &["king"]), 2, "use viewer, team-lead");
    refused(add(&home, "ana", &["administrator", "team-lead@tema"]), 2, "no unit of today's org");
    refused(add(&home, "Ana Silva", &["administrator"]), 2, "no name to log in with");
    refused(
        home.told(&["user", "add", "ana", "--role", "administrator", "--password-stdin"], "short\n"),
        2,
        "12 or more",
    );
    assert!(home.ok(&["user", "list"]).contains("nobody has a login"));
    assert_eq!(add(&home, "ana", &["administrator"]).code, 0);
    refused(add(&home, "ana", &["administrator"]), 2, "already");
    refused(home.run(&["user", "revoke", "ana", "administrator"]), 5, "last administrator");
    refused(home.run(&["user", "disable", "ana"]), 5, "last administrator");
    refused(home.run(&["user", "grant", "bo", "viewer"]), 2, "no user bo");
    refused(home.run(&["token", "add", "--user", "ana", "--for", "x", "--days", "1000"]), 2, "366");
    refused(home.run(&["token", "revoke", "7"]), 2, "no token 7");
    let listed: Value = home.json(&["user", "list"]);
    assert_eq!(text(&listed["rows"][0]["roles"][0]), "administrator", "{listed:#}");
}

#[test]
fn beyond_this_machine_there_is_a_login_and_tls_or_nothing() {
    let home = home();
    let refused = |args: &[&str], word: &str| {
        let free = "127.0.0.1:0";
        let mut all = vec!["serve", "--otlp-http", free, "--otlp-grpc", free];
        all.extend(args);
        let ran = home.run(&all);
        assert!(ran.code == 2 && ran.err.contains(word), "{args:?}: {} {}", ran.code, ran.err);
    };
    // Whether or not somebody has a login: who has not makes it over TLS, too.
    refused(&["--listen", "0.0.0.0:0"], "--tls-cert");
    assert_eq!(add(&home, "ana", &["administrator", "viewer"]).code, 0);
    refused(&["--listen", "0.0.0.0:0"], "--tls-cert");
    refused(&["--listen", "127.0.0.1:0", "--public-url", "http://leap.example"], "https://name");
    home.write("empty.pem", "");
    let (pem, key) = (home.path("empty.pem"), home.path("none.pem"));
    let (pem, key) = (pem.to_str().expect("a path"), key.to_str().expect("a path"));
    refused(&["--listen", "0.0.0.0:0", "--tls-cert", pem, "--tls-key", key], "holds no certificate");
}

/// Fields of a form, as browsers write them.
pub(crate) fn fields(list: &[(&str, &str)]) -> String {
    leap_web::site::query(
        &list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>(),
    )
}

/// Sends a form as a person.
pub(crate) fn send(site: &Site, cookie: &str, path: &str, fields: &str) -> Answer {
    let origin = format!("http://{}", site.address);
    let headers =
        [("Origin", origin.as_str()), ("Cookie", cookie), ("Content-Type", "application/x-www-form-urlencoded")];
    site.ask("POST", path, &headers, fields)
}

#[test]
fn claims_are_previewed_agreed_to_and_answered_by_who_is_asked() {
    let home = home();
    for (name, roles) in [
        ("eve", &["administrator"][..]),
        ("lea-a", &["team-lead@a"]),
        ("leo-b", &["team-lead@b"]),
        ("val-a", &["viewer@a"]),
        ("stu", &["steward"]),
    ] {
        assert_eq!(add(&home, name, roles).code, 0);
    }
    let site = Site::start(&home);
    let [lea, leo, val, stu] = ["lea-a", "leo-b", "val-a", "stu"].map(|name| cookie(&site, name));
    let before = home.digest();
    // a claims what b has: b is asked, and a does not see what it costs b.
    let claim = "kind=claim&resource=secret-b&team=a&reason=ours+since+July&effective=2026-07-01";
    let preview = send(&site, &lea, "/claims/new", claim);
    assert_eq!(preview.status, 200, "{}", preview.body);
    assert!(
        preview.body.contains("Nothing was changed yet") && preview.body.contains("do not see"),
        "{}",
        preview.body
    );
    assert!(!preview.body.contains("20.12") && !preview.body.contains("31.87"), "{}", preview.body);
    assert_eq!(home.digest(), before, "a preview changes nothing");
    assert!(site.ask("GET", "/claims", &[("Cookie", lea.as_str())], "").body.contains("Nobody has claimed"));
    let expect = hidden(&preview.body, "expect");
    let stale = send(&site, &lea, "/claims/new", &format!("{claim}&expect={}", "0".repeat(64)));
    assert_eq!(stale.status, 409, "{}", stale.body);
    // Not for another team, not as a viewer, not by a token.
    assert_eq!(send(&site, &lea, "/claims/new", &claim.replace("team=a", "team=c")).status, 403);
    assert_eq!(send(&site, &val, "/claims/new", claim).status, 403);
    assert_eq!(send(&site, &lea, "/claims/new", "kind=claim&where=1%3D1&team=a&reason=x").status, 422);
    let token = format!("Bearer {}", home.ok(&["token", "add", "--user", "lea-a", "--for", "x"]).trim());
    assert_eq!(as_person(&site, "POST", "/claims/new", &token).status, 403);
    let made = send(&site, &lea, "/claims/new", &format!("{claim}&expect={expect}"));
    assert_eq!((made.status, made.header("location")), (303, "/claims/1"), "{}", made.body);
    // Who is asked answers: not who made it, not somebody else.
    assert_eq!(send(&site, &lea, "/claims/1/accept", "").status, 403);
    assert_eq!(send(&site, &val, "/claims/1/accept", "").status, 403);
    assert_eq!(send(&site, &lea, "/claims/1/decline", "").status, 403);
    let preview = send(&site, &leo, "/claims/1/accept", "note=fair");
    assert_eq!(preview.status, 200, "{}", preview.body);
    assert!(preview.body.contains("31.88"), "what moves, to the cent: {}", preview.body);
    let expect = hidden(&preview.body, "expect");
    // The world changes before b agrees: what was seen is no longer what would happen.
    let more = [("2026-09-01", "secret-b", "b", "5")];
    home.ingest(&home.write("2026-09.csv", &bill("2026-09", &more)));
    assert_eq!(send(&site, &leo, "/claims/1/accept", &format!("expect={expect}")).status, 409);
    let preview = send(&site, &leo, "/claims/1/accept", "note=fair");
    let expect = hidden(&preview.body, "expect");
    let done = send(&site, &leo, "/claims/1/accept", &format!("note=fair&expect={expect}"));
    assert_eq!((done.status, done.header("location")), (303, "/claims/1"), "{}", done.body);
    let again = send(&site, &leo, "/claims/1/accept", &format!("expect={expect}"));
    assert_eq!(again.status, 422, "it is answered once: {}", again.body);
    let spent = home.spend("team", &["--period", "2026-08"]);
    assert!(spent.contains(&("a".to_owned(), "120.875".to_owned())), "{spent:?}");
    let trail = home.ok(&["audit", "list", "--format", "json"]);
    assert!(trail.contains("\"lea-a\"") && trail.contains("\"leo-b\""), "the trail names who was logged in: {trail}");
    // What nobody owns: a steward ticks and assigns it, and it holds at once.
    let residual = site.ask("GET", "/coverage/residual", &[("Cookie", stu.as_str())], "").body;
    assert!(residual.contains("type=\"checkbox\" name=\"resource\" value=\"secret-none\""), "{residual}");
    let assign = "kind=assign&resource=secret-none&resource=i-none&team=c&reason=theirs&effective=2026-08-01";
    assert_eq!(send(&site, &lea, "/claims/new", assign).status, 403);
    let preview = send(&site, &stu, "/claims/new", assign);
    assert!(preview.body.contains("holds at once") && preview.body.contains("3.38"), "{}", preview.body);
    let expect = hidden(&preview.body, "expect");
    let done = send(&site, &stu, "/claims/new", &format!("{assign}&expect={expect}"));
    assert_eq!(done.status, 303, "{}", done.body);
    let spent = home.spend("team", &["--period", "2026-08"]);
    assert!(spent.contains(&("c".to_owned(), "3.375".to_owned())), "{spent:?}");
    // What is refused tells no owner, and no day; a resource that is not there reads the same.
    let told =
        |fields: &str| send(&site, &lea, "/claims/new", &format!("{fields}&team=a&reason=x&effective=2026-08-01"));
    let there = told("kind=dispute&resource=secret-b");
    let nowhere = told("kind=dispute&resource=nowhere");
    assert_eq!((there.status, nowhere.status), (422, 422), "{}", there.body);
    let plain = |answer: &Answer| answer.body.split("Request").next().unwrap_or_default().to_owned();
    assert_eq!(plain(&there), plain(&nowhere));
    assert_eq!(told("kind=assign&resource=secret-b").status, 403);
    // No other tree shows what stood there once, or stands there now.
    for way in ["org=as-is", "org=2026-07-01", "as_known_on=2026-11-01"] {
        let answer = site.ask("GET", &format!("/explore?{way}"), &[("Cookie", lea.as_str())], "");
        assert_eq!(answer.status, 422, "{way}: {}", answer.body);
    }
    // What somebody gave away on being asked does not come back to them unasked.
    let dispute = "kind=dispute&resource=i-a&team=b&reason=theirs&effective=2026-08-01";
    let preview = send(&site, &lea, "/claims/new", dispute);
    let expect = hidden(&preview.body, "expect");
    assert_eq!(send(&site, &lea, "/claims/new", &format!("{dispute}&expect={expect}")).status, 303);
    let expect = hidden(&send(&site, &leo, "/claims/3/accept", "").body, "expect");
    assert_eq!(send(&site, &leo, "/claims/3/accept", &format!("expect={expect}")).status, 303);
    assert_eq!(send(&site, &leo, "/claims/3/withdraw", "").status, 403);
    assert_eq!(send(&site, &lea, "/claims/3/withdraw", "").status, 403);
    assert_eq!(send(&site, &stu, "/claims/3/withdraw", "").status, 303);
    // Taken back, everything is as it was.
    assert_eq!(send(&site, &lea, "/claims/2/withdraw", "").status, 404, "a claim of others is not there");
    assert_eq!(send(&site, &stu, "/claims/2/withdraw", "").status, 303);
    assert_eq!(send(&site, &lea, "/claims/1/withdraw", "note=we+were+wrong").status, 303);
    let spent = home.spend("team", &["--period", "2026-08"]);
    assert!(spent.contains(&("b".to_owned(), "20.125".to_owned())), "{spent:?}");
    home.verified();
}
