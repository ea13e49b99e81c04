//! A person's own page, logins that have to be proved again, and the first person of all.

use serde_json::Value;

use crate::bill::{ORG, RULES, bill};
use crate::harness::{Home, text};
use crate::site::{Answer, Site, hidden};

const PASSWORD: &str = "correct horse battery";
const MORNING: &str = "2026-11-28T08:00:00Z";
const LATER: &str = "2026-11-28T08:10:00Z";

fn home(people: &[(&str, &[&str])]) -> Home {
    let home = Home::with(ORG, RULES);
    let rows = [("2026-08-10", "i-a", "a", "100.5"), ("2026-08-11", "i-b", "b", "20.125")];
    home.ingest(&home.write("2026-08.csv", &bill("2026-08", &rows)));
    for (name, roles) in people {
        let mut args = vec!["user", "add", name, "--password-stdin"];
        roles.iter().for_each(|role| args.extend(["--role", role]));
        let added = home.told(&args, &format!("{PASSWORD}\n"));
        assert_eq!(added.code, 0, "{}", added.err);
    }
    home
}

fn send(site: &Site, session: &str, path: &str, fields: &str) -> Answer {
    let origin = format!("http://{}", site.address);
    let form = "application/x-www-form-urlencoded";
    site.ask("POST", path, &[("Origin", &origin), ("Cookie", session), ("Content-Type", form)], fields)
}

fn get(site: &Site, session: &str, path: &str) -> Answer {
    site.ask("GET", path, &[("Cookie", session)], "")
}

/// The session of an answer that let somebody in.
#[track_caller]
fn session(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.header("set-cookie").split(';').next().expect("a cookie").to_owned()
}

fn log_in(site: &Site, name: &str) -> String {
    session(&send(site, "", "/login", &format!("name={name}&password={}", PASSWORD.replace(' ', "+"))))
}

/// Rows of a table of the person's page.
fn rows(site: &Site, session: &str, table: &str) -> Vec<Value> {
    let json = get(site, session, "/api/v1/account").json();
    let tables = json["tables"].as_array().expect("tables");
    let found = tables.iter().find(|one| one["id"] == table);
    found.map_or_else(Vec::new, |table| table["rows"].as_array().expect("rows").clone())
}

#[test]
fn sessions_are_seen_and_ended_by_their_person_only() {
    let home = home(&[("eve", &["administrator"]), ("lea", &["team-lead@a", "viewer@b"])]);
    let site = Site::start(&home);
    let [one, two, three] = [(); 3].map(|()| log_in(&site, "lea"));
    let eve = log_in(&site, "eve");
    let page = get(&site, &one, "/account").body;
    assert!(page.contains("Logged in as lea") && page.contains("team-lead") && page.contains("Team B"), "{page}");
    assert!(get(&site, &one, "/").body.contains("href=\"/account\""));
    assert_eq!((rows(&site, &one, "sessions").len(), rows(&site, &eve, "sessions").len()), (3, 1));
    assert_eq!(page.matches(">this one<").count(), 1);
    let ticks: Vec<String> = page
        .split("name=\"session\" value=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().expect("a digest").to_owned())
        .collect();
    assert_eq!(ticks.len(), 2, "not the one with which somebody looks");
    assert!(ticks.iter().all(|digest| !one.contains(digest.as_str())), "what is shown opens nothing");
    // Of somebody else's nothing is ended, and nobody is told that it is there.
    let foreign = send(&site, &eve, "/account/sessions", &format!("session={}", ticks[0]));
    assert_eq!(foreign.status, 303);
    assert_eq!(rows(&site, &one, "sessions").len(), 3);
    assert_eq!(send(&site, &one, "/account/sessions", "").status, 422);
    assert_eq!(send(&site, &one, "/account/sessions", "session=x").status, 422);
    let ended = send(&site, &one, "/account/sessions", &format!("session={}", ticks[0]));
    assert_eq!((ended.status, ended.header("location")), (303, "/account"));
    let open = || [&two, &three].iter().filter(|session| get(&site, session, "/org").status == 200).count();
    assert_eq!(open(), 1);
    assert_eq!(send(&site, &one, "/account/sessions", "others=yes").status, 303);
    assert_eq!((open(), get(&site, &one, "/org").status, get(&site, &eve, "/org").status), (0, 200, 200));
    assert!(home.ok(&["audit", "list", "--format", "json"]).contains("sessions ended"));
}

#[test]
fn a_token_is_shown_once_and_reads_what_its_person_reads() {
    let home = home(&[("eve", &["administrator"]), ("lea", &["team-lead@a"])]);
    let site = Site::start(&home);
    let (lea, eve) = (log_in(&site, "lea"), log_in(&site, "eve"));
    for (fields, word) in [
        ("", "Parameter for"),
        ("for=%20", "Parameter for"),
        ("for=x&days=0", "Parameter days"),
        ("for=x&days=367", "Parameter days"),
        ("for=x&days=some", "Parameter days"),
        ("for=x&unit=b", "none of the units of your roles: a"),
    ] {
        let answer = send(&site, &lea, "/account/tokens", fields);
        assert!(answer.status == 422 && answer.body.contains(word), "{fields}: {}", answer.body);
    }
    let made = send(&site, &lea, "/account/tokens", "for=grafana+%3Cb%3E&unit=a&days=30");
    assert_eq!((made.status, made.header("cache-control")), (200, "no-store"), "{}", made.body);
    let secret = made.body.split("leap_pat_").nth(1).expect("the token").split('<').next().expect("its end").trim();
    let bearer = format!("Bearer leap_pat_{secret}");
    let with = |path: &str| site.ask("GET", path, &[("Authorization", &bearer)], "").status;
    assert_eq!((with("/api/v1/team/a"), with("/api/v1/team/b")), (200, 404));
    assert_eq!((with("/account"), with("/login/again"), with("/api/v1/account")), (403, 403, 403));
    let page = get(&site, &lea, "/account").body;
    assert!(page.contains("grafana &lt;b&gt;") && !page.contains(secret), "{page}");
    let api = site.ask(
        "POST",
        "/api/v1/account/tokens",
        &[("Origin", &format!("http://{}", site.address)), ("Cookie", &eve), ("Content-Type", "application/json")],
        "{\"for\": \"a job\", \"unit\": \"b\"}",
    );
    assert!(text(&api.json()["secret"]).starts_with("leap_pat_"), "{}", api.body);
    assert_eq!((rows(&site, &lea, "tokens").len(), rows(&site, &eve, "tokens").len()), (1, 1));
    // Those of others are none of theirs.
    let foreign = send(&site, &eve, "/account/tokens/revoke", "token=1");
    assert!(foreign.status == 422 && foreign.body.contains("none of yours"), "{}", foreign.body);
    assert_eq!(send(&site, &lea, "/account/tokens/revoke", "").status, 422);
    assert_eq!(send(&site, &lea, "/account/tokens/revoke", "token=1").status, 303);
    assert_eq!(with("/api/v1/team/a"), 401);
    assert_eq!(text(&rows(&site, &lea, "tokens")[0]["State"]), "revoked");
    let trail = home.ok(&["audit", "list", "--format", "json"]);
    assert!(trail.contains("token made") && trail.contains("token revoked") && !trail.contains(secret));
    home.ok(&["doctor"]);
}

#[test]
fn what_acts_for_months_wants_a_login_of_the_last_minutes() {
    let home = home(&[("eve", &["administrator"]), ("lea", &["team-lead@a"])]);
    let old = log_in(&Site::start_at(&home, MORNING), "lea");
    let site = Site::start_at(&home, LATER);
    let make = |session: &str| send(&site, session, "/account/tokens", "for=grafana");
    assert_eq!((get(&site, &old, "/account").status, get(&site, &old, "/org").status), (200, 200), "reading goes on");
    let asked = make(&old);
    assert_eq!((asked.status, asked.header("location")), (303, "/login/again?to=%2Faccount"));
    assert!(rows(&site, &old, "tokens").is_empty());
    let api = site.ask(
        "POST",
        "/api/v1/account/tokens",
        &[("Origin", &format!("http://{}", site.address)), ("Cookie", &old)],
        "",
    );
    assert!(api.status == 403 && api.body.contains("Prove that it is you"), "{}", api.body);
    let sheet = get(&site, &old, asked.header("location")).body;
    assert!(sheet.contains("value=\"lea\"") && sheet.contains("action=\"/login/again\""), "{sheet}");
    assert_eq!(hidden(&sheet, "to"), "/account");
    // The name is not asked for: it is who is logged in.
    let prove = |session: &str, fields: &str| send(&site, session, "/login/again", fields);
    assert_eq!(prove(&old, "name=eve&password=wrong&to=%2Faccount").status, 401);
    assert_eq!(prove("", "password=correct+horse+battery").status, 401);
    let elsewhere = prove(&old, "password=correct+horse+battery&to=https%3A%2F%2Fevil.example");
    assert_eq!(elsewhere.header("location"), "/");
    let fresh = session(&elsewhere);
    assert_ne!(fresh, old);
    assert_eq!(get(&site, &old, "/org").status, 303, "the session before has ended");
    assert_eq!(make(&fresh).status, 200);
    assert!(get(&site, &fresh, "/account").body.contains("Logged in as lea"));
    let statuses: Vec<u16> = (0..6).map(|_| prove(&fresh, "password=wrong").status).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
}

const OWN: [(&str, &str); 2] = [("Host", "leap.example"), ("Origin", "https://leap.example")];

/// Asks the site behind its proxy.
fn beyond(site: &Site, method: &str, path: &str, body: &str) -> Answer {
    let mut headers = OWN.to_vec();
    headers.push(("Content-Type", "application/x-www-form-urlencoded"));
    site.ask(method, path, &headers, body)
}

#[test]
fn the_first_person_comes_in_with_the_token_of_the_terminal_and_nobody_after() {
    let home = Home::with(ORG, RULES);
    home.ingest(&home.write("2026-08.csv", &bill("2026-08", &[("2026-08-10", "i-a", "a", "100.5")])));
    let (site, token) = Site::start_beyond(&home);
    let token = token.expect("a token");
    // Nobody reads anything meanwhile, and everything leads there.
    for path in ["/", "/explore", "/account", "/data"] {
        assert_eq!(beyond(&site, "GET", path, "").status, 303, "{path}");
        assert_eq!(beyond(&site, "GET", &format!("/api/v1{path}"), "").status, 401, "{path}");
    }
    assert_eq!(beyond(&site, "GET", "/login", "").header("location"), "/setup");
    assert!(beyond(&site, "GET", "/setup", "").body.contains("name=\"token\""));
    let fields = |token: &str, name: &str, password: &str, again: &str| {
        format!("token={token}&name={name}&shown=Eve+%3Cb%3E&password={password}&again={again}")
    };
    let good = "correct+horse+battery";
    let post = |fields: &str| beyond(&site, "POST", "/setup", fields);
    assert_eq!(post(&fields("leap_setup_0", "eve", good, good)).status, 401);
    assert_eq!(post(&fields("", "eve", good, good)).status, 401);
    for (name, password, again, word) in [
        ("eve", good, "correct+horse+batterz", "two passwords differ"),
        ("eve", "short", "short", "12 or more"),
        ("Eve+B", good, good, "no name to log in with"),
    ] {
        let answer = post(&fields(&token, name, password, again));
        assert!(answer.status == 422 && answer.body.contains(word), "{}: {}", answer.status, answer.body);
        assert!(!answer.body.contains("horse") && !answer.body.contains(token.as_str()), "{}", answer.body);
    }
    assert!(home.ok(&["user", "list"]).contains("nobody has a login"));
    let made = post(&fields(&token, "eve", good, good));
    assert_eq!(made.header("location"), "/start", "{}", made.body);
    assert!(made.header("set-cookie").starts_with("__Host-leap_session=") && made.head.contains("; Secure"));
    let own = session(&made);
    let mut headers = OWN.to_vec();
    headers.push(("Cookie", &own));
    let page = site.ask("GET", "/account", &headers, "").body;
    assert!(page.contains("Eve &lt;b&gt;") && page.contains("administrator"), "{page}");
    // It is gone, also for who has the token, and after a new start.
    let gone = |site: &Site| {
        assert_eq!(beyond(site, "GET", "/setup", "").status, 404);
        assert_eq!(beyond(site, "POST", "/setup", &fields(&token, "bo", good, good)).status, 404);
        assert_eq!(beyond(site, "GET", "/login", "").status, 200);
    };
    gone(&site);
    drop(site);
    let (site, token) = Site::start_beyond(&home);
    assert_eq!(token, None);
    gone(&site);
    let listed = home.json(&["user", "list"]);
    assert_eq!(listed["rows"].as_array().map(Vec::len), Some(1), "{listed:#}");
    let trail = home.ok(&["audit", "list", "--format", "json"]);
    assert!(trail.contains("\"setup\"") && !trail.contains("leap_setup_"), "{trail}");
    home.ok(&["doctor"]);
}

#[test]
fn who_guesses_the_first_token_keeps_nobody_out_who_has_it() {
    let home = Home::with(ORG, RULES);
    let (site, token) = Site::start_beyond(&home);
    let token = token.expect("a token");
    let rest = "name=eve&password=correct+horse+battery&again=correct+horse+battery";
    let guess = || beyond(&site, "POST", "/setup", &format!("token=x&{rest}")).status;
    assert!((0..7).any(|_| guess() == 429));
    assert_eq!(beyond(&site, "POST", "/setup", &format!("token={token}&{rest}")).status, 303);
    assert_eq!(guess(), 404);
}

#[test]
fn guessing_the_first_token_gets_slow_and_a_user_of_the_command_line_ends_it() {
    let home = Home::with(ORG, RULES);
    let (site, token) = Site::start_beyond(&home);
    let token = token.expect("a token");
    let rest = "name=eve&password=correct+horse+battery&again=correct+horse+battery";
    let statuses: Vec<u16> =
        (0..7).map(|_| beyond(&site, "POST", "/setup", &format!("token=x&{rest}")).status).collect();
    assert!(statuses.starts_with(&[401; 5]) && statuses.contains(&429), "{statuses:?}");
    let added =
        home.told(&["user", "add", "eve", "--role", "administrator", "--password-stdin"], &format!("{PASSWORD}\n"));
    assert_eq!(added.code, 0, "{}", added.err);
    assert_eq!(beyond(&site, "POST", "/setup", &format!("token={token}&{rest}")).status, 404);
    // On one's own machine there is no first start: nobody has to log in.
    let alone = Home::with(ORG, RULES);
    let site = Site::start(&alone);
    assert_eq!((site.get("/setup").status, site.get("/start").status), (404, 200));
    assert!(site.get("/account").body.contains("Nobody has to log in here"));
    let origin = format!("http://{}", site.address);
    let answer = site.ask("POST", "/account/tokens", &[("Origin", &origin)], "");
    assert_eq!(answer.status, 422, "{}", answer.body);
}
