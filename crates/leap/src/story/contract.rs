//! `leap demo --story contract`: a team drifts, is warned, breaks its contract and its budget, and comes back.
//!
//! ```text
//! 8 October    cost rises               drift, the clause is missed, the budget is expected to be exceeded
//! 10 October   missed for 72 hours      an incident of the contract
//! 25 October   over the budget          an incident of the budget; a waiver is asked for, refused to oneself, granted
//! 27 October   more than it permits     the incident is open again
//! 31 October   cost is back             the contract's incident is resolved
//! 3 November   the provider credits     the budget's incident is resolved
//! ```
//! Its clock is its own; everything else is what users run. At the end it checks that each message was shown once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use leap_book::Account;
use leap_decide::waiver::Answer;
use leap_terms::{Day, Grant, Instant, Role};
use serde_json::Value;

use super::{Story, say};
use crate::cli::ReadingArgs;
use crate::clock;
use crate::cycle;
use crate::failure::Failure;
use crate::home::{Access, Home, failed};
use crate::ingest::{Options, Status, take_paths};
use crate::messages::Post;
use crate::output::emit;
use crate::progress::Bar;
use crate::publish;
use crate::view::View;
use crate::waivers::{self, Responder};

const ORG: &str = "units:
  - {id: halden, name: Halden Market, kind: company, lead: ann}
  - {id: shop, name: Shop, kind: division, parent: halden, lead: bo}
  - {id: payments, name: Payments, kind: team, parent: shop, lead: cy}
  - {id: search, name: Search, kind: team, parent: shop, lead: dee}
";
const RULES: &str = "rules:
  - id: team-tag
    when: \"Tags['team'] IS NOT NULL\"
    owner: {from: \"Tags['team']\"}
residual: {steward: cloud-efficiency}
";
const BUDGETS: &str = "currency: USD
budgets:
- {unit: payments, period: 2026-10, amount: 36000}
- {unit: search, period: 2026-10, amount: 26000}
";
const CONTRACTS: &str = "contracts:
- id: payments
  team: payments
  term: 2026-10..2027-09
  clauses:
  - {id: cost, measure: spend, at_most: 1250, currency: USD, window: 24h, grace: 48h, recovery: 48h,
     consequence: \"review with the sponsor\"}
";
const SETTINGS: &str = "# Halden Market: who may grant how much, and where messages go.
[waivers]
levels = [{ kind = \"team\", up_to = \"500\" }, { kind = \"division\", up_to = \"2000\" }, { kind = \"company\" }]

[[channels]]
name = \"log\"
type = \"file\"
path = \"messages.jsonl\"
";
const HEADER: &str = "BilledCost,BillingAccountId,BillingAccountName,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargeClass,ChargeDescription,ChargePeriodEnd,ChargePeriodStart,ContractedCost,EffectiveCost,InvoiceIssuerName,ListCost,PricingQuantity,PricingUnit,ProviderName,PublisherName,RegionId,ResourceId,ServiceCategory,ServiceName,SubAccountId,Tags";

/// Months of history before October.
const HISTORY: [&str; 3] = ["2026-07", "2026-08", "2026-09"];
/// What a day of payments costs, in cents, and by how much it rises on the 7th; the job runs until the 26th.
const USUAL: i64 = 100_000;
const RISE: i64 = 80_000;

/// The kinds of messages that the story has to bring, in this order.
const COURSE: [&str; 12] = [
    "contract_missing",
    "drift_found",
    "budget_warned",
    "incident_opened",
    "budget_breached",
    "waiver_asked",
    "incident_resolved",
    "waiver_granted",
    "budget_breached",
    "waiver_ended",
    "incident_resolved",
    "incident_resolved",
];

fn day(text: &str) -> Day {
    text.parse().expect("the story's days are days")
}

/// Whether the job that nobody watches runs on a day.
fn runs(at: Day) -> bool {
    (day("2026-10-07")..=day("2026-10-26")).contains(&at)
}

/// One row: payments or search on a day, some cents more or less as days are.
fn row(out: &mut String, at: Day, team: &str, resource: &str, cents: i64, class: (&str, &str)) {
    let (month, next) = (at.month(), at.month().plus(1));
    let amount = format!("{}{}.{:02}", if cents < 0 { "-" } else { "" }, cents.abs() / 100, cents.abs() % 100);
    let (category, correction) = class;
    let end = at.plus(1);
    let _ = writeln!(
        out,
        "{amount},acc-1,Halden,USD,{next}-01T00:00:00Z,{month}-01T00:00:00Z,{category},{correction},a charge,{end}T00:00:00Z,\
         {at}T00:00:00Z,{amount},{amount},AWS,{amount},1,Hours,AWS,AWS,eu-west-1,{resource},Compute,Amazon EC2,sub-1,\
         \"{{\"\"team\"\": \"\"{team}\"\"}}\""
    );
}

/// A bill of a month, up to a day; the days before are there again.
fn bill(month: &str, until: Day, is_credited: bool) -> String {
    let mut out = format!("{HEADER}\n");
    let from = day(&format!("{month}-01"));
    let until = until.min(from.month().plus(1).first_day());
    for at in (from.days()..until.days()).map(Day::from_days) {
        // Not all days are the same: up to one percent, from the number of the day alone.
        let wobble = |seed: i64| (i64::from(at.days()) * seed).rem_euclid(2_001) - 1_000;
        row(&mut out, at, "payments", "i-charge-api", USUAL + wobble(7_919), ("Usage", ""));
        row(&mut out, at, "search", "i-index", 80_000 + wobble(6_151) * 4 / 5, ("Usage", ""));
        if runs(at) {
            row(&mut out, at, "payments", "i-backfill", RISE, ("Usage", ""));
        }
    }
    if is_credited {
        row(&mut out, day("2026-10-31"), "payments", "i-backfill", -900_000, ("Credit", ""));
    }
    out
}

/// What the story remembers of the file of messages.
struct Log {
    path: PathBuf,
    read: usize,
    keys: BTreeMap<String, usize>,
    kinds: Vec<String>,
}

impl Log {
    /// Shows what came since.
    fn show(&mut self) -> Result<(), Failure> {
        let text = std::fs::read_to_string(&self.path).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        for line in &lines[self.read..] {
            let message: Value = serde_json::from_str(line)
                .map_err(|error| Failure::failed(format!("a message is no JSON: {error}")))?;
            let word = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
            *self.keys.entry(word("key")).or_default() += 1;
            emit(&format!("  {:<18} {}\n", word("kind"), word("title")))?;
            self.kinds.push(word("kind"));
        }
        if lines.len() == self.read {
            emit("  nothing is said\n")?;
        }
        self.read = lines.len();
        emit("\n")
    }
}

struct Play<'a> {
    story: Story<'a>,
    log: Log,
}

impl Play<'_> {
    /// It is so late, and this bill came in.
    async fn on(&mut self, now: &str, bills: &[(&str, String)]) -> Result<(), Failure> {
        let at: Instant = now.parse().map_err(|_| Failure::failed("the story's clock is wrong"))?;
        clock::play(at);
        for (month, bill) in bills {
            let path = self.story.folder.join(format!("bills/{month}.csv"));
            std::fs::create_dir_all(self.story.folder.join("bills"))
                .and_then(|()| std::fs::write(&path, bill))
                .map_err(|error| failed("write", &path, &error))?;
            let home = Home::open(self.story.home, Access::Write).await?;
            let options = Options { source: None, again: false, dry_run: false, period: None, replay_of: None };
            let stop = Arc::new(AtomicBool::new(false));
            let taken = take_paths(&home, &[path], &options, &Bar::new(), &stop).await?;
            if taken.iter().any(|report| report.status == Status::Refused) {
                return Err(Failure::quality("a bill of the story was refused"));
            }
        }
        Ok(())
    }

    /// One turn of the loop, and what it says.
    async fn turn(&mut self) -> Result<(), Failure> {
        emit(&format!("{}  $ leap cycle run --act\n", clock::now()))?;
        let home = Home::open(self.story.home, Access::Read).await?;
        let post = Post::of(&home)?;
        let turn = cycle::turn(&home, clock::now()).await?;
        if !turn.is_fine() {
            let all: Vec<String> = turn.findings.iter().map(ToString::to_string).collect();
            return Err(Failure::quality(format!("the story's plan has findings: {}", all.join("; "))));
        }
        turn.act(&home, &post, "cycle run").await?;
        post.deliver(&home.book).await?;
        self.log.show()
    }

    /// Somebody answers waiver 1 on the site; what they are told.
    async fn answer(&self, who: &str, answer: Answer) -> Result<bool, Failure> {
        let home = Home::open(self.story.home, Access::Write).await?;
        let view = View::open(&home, &ReadingArgs::now()).await?;
        let kept = home.book.waiver(1).await.map_err(|error| Failure::from_error(&error))?;
        let responder = Responder { name: who.to_owned(), authenticated_at: clock::now() };
        let deed = waivers::answer(&home, &view, &kept, answer, &responder, kept.digest);
        let done = publish::in_name_of(who, deed).await;
        let said = match &done {
            Ok(_) => format!("granted, digest {} of what was shown", kept.digest.short()),
            Err(failure) => format!("refused: {}", failure.message),
        };
        emit(&format!("{who} on the site, /waivers/1, Grant it: {said}\n"))?;
        Ok(done.is_ok())
    }
}

/// Plays it.
pub(crate) async fn play(folder: &Path) -> Result<(), Failure> {
    let home = folder.join("home");
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder).to_owned();
        std::fs::create_dir_all(&parent)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|error| failed("write", &path, &error))
            .map(|()| path.display().to_string())
    };
    write("home/leap.toml", SETTINGS)?;
    let log = Log { path: home.join("messages.jsonl"), read: 0, keys: BTreeMap::new(), kinds: Vec::new() };
    let mut play = Play { story: Story { home: &home, folder }, log };
    clock::play("2026-10-01T08:00:00Z".parse().map_err(|_| Failure::failed("the story's clock is wrong"))?);

    say(
        "Halden Market: payments may spend 36,000 USD in October, and no more than 1,250 a day for longer than 48 hours",
    )?;
    for (command, name, text) in [("org", "org.yaml", ORG), ("rules", "rules.yaml", RULES)] {
        let path = write(name, text)?;
        play.story.type_in(&[command, "apply", &path]).await?;
    }
    let bills: Vec<(&str, String)> =
        HISTORY.into_iter().map(|month| (month, bill(month, day("2026-10-01"), false))).collect();
    play.on("2026-10-01T08:00:00Z", &bills).await?;
    for (command, name, text) in [("budget", "budgets.yaml", BUDGETS), ("contract", "contracts.yaml", CONTRACTS)] {
        let path = write(name, text)?;
        play.story.type_in(&[command, "apply", &path]).await?;
    }
    accounts(&home).await?;
    play.on("2026-10-07T08:00:00Z", &[("2026-10", bill("2026-10", day("2026-10-07"), false))]).await?;
    say("The first days are as always")?;
    play.turn().await?;

    say("On the 7th somebody starts a job and forgets it")?;
    for until in ["2026-10-08", "2026-10-09", "2026-10-10"] {
        play.on(&format!("{until}T08:00:00Z"), &[("2026-10", bill("2026-10", day(until), false))]).await?;
        play.turn().await?;
    }

    say("Nobody stops it, and the budget is exceeded by more than 2 %")?;
    play.on("2026-10-25T08:00:00Z", &[("2026-10", bill("2026-10", day("2026-10-25"), false))]).await?;
    play.turn().await?;

    say("cy, who leads payments, asks for a waiver; who may answer follows from the org and the amount")?;
    let ask = [
        "waiver",
        "ask",
        "payments",
        "--period",
        "2026-10",
        "--amount",
        "3000",
        "--until",
        "2026-12-01",
        "--reason",
        "the backfill has to end",
    ];
    publish::in_name_of("cy", play.story.type_in(&ask)).await?;
    play.turn().await?;
    for (who, may) in [("cy", false), ("bo", false), ("ann", true)] {
        if play.answer(who, Answer::Grant).await? != may {
            return Err(Failure::quality(format!(
                "{who} should {}have granted the waiver",
                if may { "" } else { "not " }
            )));
        }
    }
    emit("\n")?;
    play.turn().await?;

    say("Two days later more is spent than it permits")?;
    play.on("2026-10-27T08:00:00Z", &[("2026-10", bill("2026-10", day("2026-10-27"), false))]).await?;
    play.turn().await?;
    play.story.type_in(&["incident", "list"]).await?;

    say("On the 27th the job is stopped: the cost returns, and the contract holds again")?;
    play.on("2026-10-30T08:00:00Z", &[("2026-10", bill("2026-10", day("2026-10-30"), false))]).await?;
    play.turn().await?;

    say("In November the provider credits what the job ran twice: the bill of October is restated")?;
    play.on("2026-11-03T08:00:00Z", &[("2026-10", bill("2026-10", day("2026-11-01"), true))]).await?;
    play.turn().await?;
    play.story.type_in(&["incident", "list", "--all"]).await?;

    say("A second turn has nothing to say, and no message was shown twice")?;
    play.turn().await?;
    checked(&play.log)?;
    play.story.type_in(&["audit", "verify"]).await
}

/// People with logins; nobody logs in with a password here.
async fn accounts(root: &Path) -> Result<(), Failure> {
    let home = Home::open(root, Access::Write).await?;
    for (name, role) in [
        ("eve", Role::Administrator),
        ("ann", Role::Viewer),
        ("bo", Role::TeamLead),
        ("cy", Role::TeamLead),
        ("dee", Role::TeamLead),
    ] {
        let account = Account {
            name: name.to_owned(),
            shown: name.to_owned(),
            password: None,
            identity: None,
            created_at: clock::now(),
            disabled_at: None,
            grants: vec![Grant { role, unit: None }],
        };
        home.book.add_account(&account, "story").await.map_err(|error| Failure::from_error(&error))?;
    }
    Ok(())
}

/// Each message once, and the course of the story among them.
fn checked(log: &Log) -> Result<(), Failure> {
    let twice: BTreeSet<&str> = log.keys.iter().filter(|(_, times)| **times > 1).map(|(key, _)| key.as_str()).collect();
    let mut wanted = COURSE.into_iter().peekable();
    for kind in &log.kinds {
        wanted.next_if(|wanted| wanted == kind);
    }
    let missing: Vec<&str> = wanted.collect();
    if !twice.is_empty() || !missing.is_empty() {
        return Err(Failure::quality(format!("shown twice: {twice:?}; did not come in its order: {missing:?}")));
    }
    emit(&format!("{} messages, each shown once\n\n", log.kinds.len()))
}
