//! `leap user …` and `leap token …`: who logs in, with which roles.
//!
//! ```text
//! $ leap user add ana --shown "Ana Silva" --role team-lead@payments
//! Password for ana:
//! user ana added: team-lead@payments
//! $ leap token add --user ana --for grafana --days 90
//! leap_pat_6f0c…   (shown once; reads what ana reads, until 2027-02-25)
//! ```
//! Who runs these commands has the files of the home and could do anything; so they ask for no login. Everything is in the
//! audit trail. As soon as there is one user, the site asks everybody to log in.

mod gate;
mod oidc;
pub(crate) mod secret;
mod setup;
mod tries;

use std::io::{BufRead, IsTerminal};
use std::path::Path;

use leap_book::{Account, BookError, Token};
use leap_terms::{Deed, Grant, Instant, Rights, Role, TeamId};
use serde_json::json;

pub(crate) use gate::{Doors, Gate, is_over, local};
pub(crate) use oidc::{LoginSettings, SignOn};
pub(crate) use setup::Setup;

use crate::cli::{OutputFormat, TokenCommand, UserAddArgs, UserCommand};
use crate::clock;
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, emit, print_json};
use crate::publish::actor;
use crate::world::World;

/// Longest life of a token.
pub(crate) const TOKEN_DAYS: u32 = 366;

/// So many seconds after.
fn later(time: Instant, seconds: i64) -> Instant {
    Instant::from_micros(time.micros().saturating_add(seconds.saturating_mul(1_000_000)))
}

fn failed(error: BookError) -> Failure {
    let message = error.to_string();
    match error {
        BookError::AccountName(_)
        | BookError::AccountExists(_)
        | BookError::IdentityTaken(_)
        | BookError::NoAccount(_)
        | BookError::NoToken(_) => Failure::usage(message),
        BookError::LastAdministrator(_) => Failure::not_allowed(message),
        error => Failure::from_error(&error),
    }
}

/// The name of who approved something, as their account has it.
///
/// # Errors
/// People have logins here, and nobody of that name may approve for the whole company.
pub(crate) async fn approver(home: &Home, name: &str) -> Result<String, Failure> {
    let all = home.book.accounts().await.map_err(failed)?;
    if all.is_empty() {
        return Ok(name.trim().to_owned());
    }
    let may = |account: &&Account| {
        account.disabled_at.is_none() && Rights::Granted(account.grants.clone()).may(Deed::Approve, &[])
    };
    let found = all.iter().filter(may).find(|account| leap_book::same_person(&account.name, name));
    found.map(|account| account.name.clone()).ok_or_else(|| {
        Failure::not_allowed(format!(
            "--approved-by '{}' is nobody with the role approver for the whole company (leap user list); nothing was done",
            name.trim().escape_debug()
        ))
    })
}

/// `leap user …`.
pub(crate) async fn user(root: &Path, command: &UserCommand) -> Result<(), Failure> {
    match command {
        UserCommand::Add(args) => add(root, args).await,
        UserCommand::List(args) => list(root, args.format.format).await,
        UserCommand::Grant(args) => role(root, &args.name, &args.role, true).await,
        UserCommand::Revoke(args) => role(root, &args.name, &args.role, false).await,
        UserCommand::Password(args) => {
            let home = Home::open(root, Access::Read).await?;
            if home.book.account(&args.name).await.map_err(failed)?.is_none() {
                return Err(failed(BookError::NoAccount(args.name.clone())));
            }
            let hash = password(&args.name, args.password_stdin)?;
            home.book.set_password(&args.name, &hash, &actor(), clock::now()).await.map_err(failed)?;
            emit(&format!("the password of {} was set; its sessions have ended\n", args.name))
        }
        UserCommand::Identity(args) => {
            let home = Home::open(root, Access::Read).await?;
            let known = args.subject.as_deref().map(|subject| identity(&home, subject)).transpose()?;
            home.book.set_identity(&args.name, known.as_ref(), &actor(), clock::now()).await.map_err(failed)?;
            emit(&match known {
                Some((issuer, subject)) => format!("{} logs in at {issuer} as {subject}\n", args.name),
                None => format!("{} logs in at no provider; open sessions have ended\n", args.name),
            })
        }
        UserCommand::Disable(args) => shut(root, &args.name, true).await,
        UserCommand::Enable(args) => shut(root, &args.name, false).await,
    }
}

/// `leap token …`.
pub(crate) async fn token(root: &Path, command: &TokenCommand) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    match command {
        TokenCommand::Add(args) => {
            let unit = match &args.unit {
                None => None,
                Some(name) => Some(unit_named(&World::load(&home, None).await?, name)?),
            };
            let wanted =
                NewToken { account: args.user.clone(), label: args.purpose.clone(), unit, days: i64::from(args.days) };
            let made = new_token(&home, wanted).await?;
            let what = made.token.unit.as_ref().map_or_else(String::new, |unit| format!(" of {unit}"));
            eprintln!(
                "token {}, shown this once: it reads what {} reads{what}, until {}",
                made.token.number,
                made.token.account,
                made.token.expires_at.day()
            );
            emit(&format!("{}\n", made.secret))
        }
        TokenCommand::List(args) => {
            let now = clock::now();
            let mut answer = Answer::new("Tokens", &["token", "user", "for", "unit", "until", "last used", "state"]);
            for token in home.book.tokens().await.map_err(failed)? {
                let state = token_state(&token, now);
                answer.rows.push(vec![
                    Cell::Text(token.number.to_string()),
                    Cell::text(&token.account),
                    Cell::text(&token.label),
                    token.unit.as_ref().map_or(Cell::Empty, |unit| Cell::text(unit.as_str())),
                    Cell::text(token.expires_at.day().to_string()),
                    token.used_at.map_or(Cell::Empty, |at| Cell::text(at.day().to_string())),
                    Cell::text(state),
                ]);
            }
            answer.print(args.format.format)
        }
        TokenCommand::Revoke(args) => {
            let ended = home.book.revoke_token(args.number, &actor(), clock::now()).await.map_err(failed)?;
            emit(&format!("token {} {}\n", args.number, if ended { "ended" } else { "had ended already" }))
        }
    }
}

/// A token that is wanted.
pub(crate) struct NewToken {
    /// Whose rights it has.
    pub(crate) account: String,
    /// What it is for.
    pub(crate) label: String,
    /// Only this unit.
    pub(crate) unit: Option<TeamId>,
    /// Days after which it ends.
    pub(crate) days: i64,
}

/// A token that was made, and its secret.
pub(crate) struct MadeToken {
    pub(crate) token: Token,
    pub(crate) secret: String,
}

/// Makes a token.
pub(crate) async fn new_token(home: &Home, wanted: NewToken) -> Result<MadeToken, Failure> {
    let days = wanted.days;
    if !(1..=i64::from(TOKEN_DAYS)).contains(&days) {
        return Err(Failure::usage(format!("--days {days}: a token lasts 1 to {TOKEN_DAYS} days")));
    }
    let now = clock::now();
    let secret = format!("{}{}", secret::TOKEN, secret::new()?);
    let token = Token {
        digest: secret::digest(&secret),
        number: 0,
        account: wanted.account,
        label: wanted.label,
        unit: wanted.unit,
        created_at: now,
        expires_at: later(now, days * 86_400),
        used_at: None,
        revoked_at: None,
    };
    let number = home.book.add_token(&token, &actor()).await.map_err(failed)?;
    Ok(MadeToken { token: Token { number, ..token }, secret })
}

/// `good`, `expired` or `revoked`.
pub(crate) fn token_state(token: &Token, now: Instant) -> &'static str {
    match (token.revoked_at, token.expires_at <= now) {
        (Some(_), _) => "revoked",
        (None, true) => "expired",
        (None, false) => "good",
    }
}

/// The unit that a person names, as of today.
fn unit_named(world: &World, name: &str) -> Result<TeamId, Failure> {
    use leap_orient::org::Resolved;
    let shown = name.escape_debug();
    match world.org.resolve(name, clock::now().day()) {
        Resolved::Team(team) => Ok(team),
        Resolved::Ambiguous(teams) => {
            let teams: Vec<&str> = teams.iter().map(TeamId::as_str).collect();
            Err(Failure::usage(format!("'{shown}' means several units: {}; name one by its id", teams.join(", "))))
        }
        Resolved::Unknown => {
            let hint = world.org.nearest(name).map_or_else(String::new, |near| format!("; did you mean {near}?"));
            Err(Failure::usage(format!("no unit of today's org is called '{shown}'{hint}")))
        }
    }
}

/// A role as it is typed; its unit is one of the org.
fn grant(world: &World, text: &str) -> Result<Grant, Failure> {
    let grant: Grant = text.parse().map_err(|error: String| Failure::usage(format!("--role {text}: {error}")))?;
    match grant.unit {
        None => Ok(grant),
        Some(unit) => Ok(Grant { unit: Some(unit_named(world, unit.as_str())?), ..grant }),
    }
}

async fn add(root: &Path, args: &UserAddArgs) -> Result<(), Failure> {
    // A new home is made: people may be added before the first bill.
    let home = match Home::open(root, Access::Read).await {
        Ok(home) => home,
        Err(_) => Home::open(root, Access::Write).await?,
    };
    let world = World::load(&home, None).await?;
    let grants = args.roles.iter().map(|text| grant(&world, text)).collect::<Result<Vec<_>, _>>()?;
    let is_first = !home.book.has_accounts().await.map_err(failed)?;
    if is_first && !grants.iter().any(|grant| grant.role == Role::Administrator) {
        return Err(Failure::usage(
            "the first user has to be an administrator, or nobody could be shown who may do what: add --role administrator",
        ));
    }
    if home.book.account(&args.name).await.map_err(failed)?.is_some() {
        return Err(failed(BookError::AccountExists(args.name.clone())));
    }
    let known = args.subject.as_deref().map(|subject| identity(&home, subject)).transpose()?;
    let account = Account {
        name: args.name.clone(),
        shown: args.shown.clone().unwrap_or_else(|| args.name.clone()),
        // Who logs in at the provider needs no password here, and may have one.
        password: if known.is_some() && !args.password_stdin {
            None
        } else {
            Some(password(&args.name, args.password_stdin)?)
        },
        identity: known,
        created_at: clock::now(),
        disabled_at: None,
        grants,
    };
    home.book.add_account(&account, &actor()).await.map_err(failed)?;
    let roles: Vec<String> = account.grants.iter().map(ToString::to_string).collect();
    if is_first {
        eprintln!("leap: from now on the site asks everybody to log in");
    }
    emit(&format!("user {} added: {}\n", account.name, roles.join(", ")))
}

/// What the provider of the settings calls somebody.
fn identity(home: &Home, subject: &str) -> Result<(String, String), Failure> {
    match &home.settings.login.oidc {
        _ if subject.trim().is_empty() => Err(Failure::usage("--subject is empty; the provider's `sub` is meant")),
        Some(oidc) => Ok((oidc.issuer.clone(), subject.to_owned())),
        None => Err(Failure::usage("no OpenID provider is set; write [login.oidc] into leap.toml first")),
    }
}

/// How somebody logs in.
fn ways(account: &Account) -> Vec<&'static str> {
    let password = account.password.as_ref().map(|_| "password");
    password.into_iter().chain(account.identity.as_ref().map(|_| "openid")).collect()
}

/// Asks for a password, twice on a terminal; from standard input its first line.
fn password(name: &str, from_stdin: bool) -> Result<String, Failure> {
    let broken = |error: std::io::Error| Failure::failed(format!("no password could be read: {error}"));
    let password = if from_stdin {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map_err(broken)?;
        line.trim_end_matches(['\n', '\r']).to_owned()
    } else if std::io::stdin().is_terminal() {
        let first = rpassword::prompt_password(format!("Password for {name}: ")).map_err(broken)?;
        let second = rpassword::prompt_password("Again: ").map_err(broken)?;
        if first != second {
            return Err(Failure::usage("the two passwords differ; nothing was changed"));
        }
        first
    } else {
        return Err(Failure::usage("there is no terminal to ask for a password; send it with --password-stdin"));
    };
    secret::check(&password, name)?;
    secret::hashed(&password)
}

async fn list(root: &Path, format: OutputFormat) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let accounts = home.book.accounts().await.map_err(failed)?;
    let roles = |account: &Account| account.grants.iter().map(ToString::to_string).collect::<Vec<_>>();
    if format == OutputFormat::Json {
        let rows: Vec<_> = accounts
            .iter()
            .map(|account| {
                json!({
                    "name": account.name,
                    "shown": account.shown,
                    "roles": roles(account),
                    "login": ways(account),
                    "since": account.created_at.day().to_string(),
                    "disabled": account.disabled_at.map(|at| at.day().to_string()),
                })
            })
            .collect();
        return print_json(&json!({ "rows": rows }));
    }
    let mut answer = Answer::new("Users", &["user", "shown", "roles", "login", "since", "state"]);
    for account in &accounts {
        let state = account.disabled_at.map_or_else(|| "good".to_owned(), |at| format!("shut out since {}", at.day()));
        answer.rows.push(vec![
            Cell::text(&account.name),
            Cell::text(&account.shown),
            Cell::text(roles(account).join(", ")),
            Cell::text(ways(account).join(", ")),
            Cell::text(account.created_at.day().to_string()),
            Cell::text(state),
        ]);
    }
    if accounts.is_empty() && format == OutputFormat::Table {
        return emit(
            "nobody has a login, so the site is for one person on this machine: leap user add NAME --role …\n",
        );
    }
    answer.print(format)
}

async fn role(root: &Path, name: &str, text: &str, given: bool) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let grant = match given {
        true => grant(&World::load(&home, None).await?, text)?,
        // A unit that is gone since can still be taken away.
        false => text.parse().map_err(|error: String| Failure::usage(format!("role {text}: {error}")))?,
    };
    let changed = home.book.set_role(name, &grant, given, &actor(), clock::now()).await.map_err(failed)?;
    emit(&match (changed, given) {
        (true, true) => format!("{name} is {grant}\n"),
        (true, false) => format!("{name} is no longer {grant}; open sessions have ended\n"),
        (false, true) => format!("{name} is {grant} already\n"),
        (false, false) => format!("{name} is not {grant}\n"),
    })
}

async fn shut(root: &Path, name: &str, shut: bool) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let changed = home.book.set_disabled(name, shut, &actor(), clock::now()).await.map_err(failed)?;
    emit(&match (changed, shut) {
        (true, true) => format!("{name} is shut out; sessions and tokens have ended\n"),
        (true, false) => format!("{name} may log in again\n"),
        (false, true) => format!("{name} is shut out already\n"),
        (false, false) => format!("{name} may log in\n"),
    })
}
