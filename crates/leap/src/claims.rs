//! `leap claim`, `leap dispute`, `leap claims …`: ownership that people settle, with reason and date.
//!
//! ```text
//! leap claim i-1 --by payments --reason "ours since the move"       payments says that it owns i-1
//! leap dispute --where "ServiceName = 'Kafka'" --to platform --reason "platform runs it"
//! leap claims accept 7                                              a dated rule above all rules, from now on
//! ```
//! Who gives something away, or gets it without having asked, is asked first; where nobody gives anything away there is
//! nobody to ask, and a claim holds at once. Reading order: this file (what people say), `settlement` (what that does to
//! the charges), `escalation` (when nobody answers), `listing`, `fit` (whether another org still has the teams).
//!
//! Answers are recorded with the person who gave them. Whether that person speaks for the team the site checks, where people log
//! in; who runs these commands has the files anyhow.

mod escalation;
mod fit;
mod listing;
mod settlement;

use std::collections::BTreeSet;
use std::path::Path;

use leap_book::{BookError, Claim, ClaimFilter, ClaimKind, ClaimState, ClaimStep, NewClaim, NewClaimEvent, Snapshot};
use leap_orient::org::Resolved;
use leap_orient::predicate::{Fields, Predicate};
use leap_terms::{Day, Digest, Fault, Instant, Owner, Period, ResidualReason, TeamId};

use crate::cli::{ClaimAnswerArgs, ClaimArgs, ClaimSubject, ClaimsCommand, DisputeArgs, OutputFormat};
use crate::clock;
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{emit, print_json};
use crate::ownership::{Moves, Touched};
use crate::publish::actor;
use crate::world::World;

pub(crate) use fit::fits;
pub(crate) use listing::{behind, state};
use settlement::{Prospect, Settled, in_force, rule_id};

fn problem(error: impl std::error::Error + 'static) -> Failure {
    Failure::from_error(&error)
}

/// When an answer is due that is asked for now.
fn answer_by(home: &Home, now: Instant) -> Instant {
    let days = i64::from(home.settings.claims.answer_days);
    Instant::from_micros(now.micros() + days * 86_400_000_000)
}

/// Who has to agree before something changes hands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Consent {
    /// The teams that give something away; without any it is settled at once.
    Givers,
    /// The team that gets it.
    Receiver,
    /// The residual's steward, who is the one that asks; only cost without an owner can be given away so.
    Steward,
}

/// `leap claim`.
pub(crate) async fn claim(root: &Path, args: &ClaimArgs) -> Result<(), Failure> {
    begin(root, &args.subject, &args.by, Consent::Givers, args.format.format).await
}

/// `leap dispute`.
pub(crate) async fn dispute(root: &Path, args: &DisputeArgs) -> Result<(), Failure> {
    begin(root, &args.subject, &args.to, Consent::Receiver, args.format.format).await
}

/// `leap residual assign`.
pub(crate) async fn assign(root: &Path, args: &DisputeArgs) -> Result<(), Failure> {
    begin(root, &args.subject, &args.to, Consent::Steward, args.format.format).await
}

/// `leap claims …`.
pub(crate) async fn answer(root: &Path, command: &ClaimsCommand) -> Result<(), Failure> {
    match command {
        ClaimsCommand::List(args) => listing::run(root, args.format.format).await,
        ClaimsCommand::Accept(args) => accept(root, args).await,
        ClaimsCommand::Decline(args) => decline(root, args).await,
        ClaimsCommand::Withdraw(args) => withdraw(root, args).await,
        ClaimsCommand::Escalate(args) => escalation::run(root, args.format.format).await,
    }
}

/// The team that a person names, as of today.
fn team_named(world: &World, name: &str, today: Day) -> Result<TeamId, Failure> {
    let shown = name.escape_debug();
    match world.org.resolve(name, today) {
        Resolved::Team(team) => Ok(team),
        Resolved::Ambiguous(teams) => {
            let teams: Vec<&str> = teams.iter().map(TeamId::as_str).collect();
            Err(Failure::usage(format!("'{shown}' means several teams: {}; name one by its id", teams.join(", "))))
        }
        Resolved::Unknown => {
            let hint = world.org.nearest(name).map_or_else(String::new, |near| format!("; did you mean {near}?"));
            Err(Failure::usage(format!("no team of today's org is called '{shown}'{hint}")))
        }
    }
}

/// The condition that names the charges, as a rule would have it.
fn condition(subject: &ClaimSubject) -> Result<String, Failure> {
    let source = match (&subject.resource, &subject.filter) {
        (Some(resource), _) => format!("ResourceId = '{}'", resource.replace('\'', "''")),
        (None, Some(filter)) => filter.trim().to_owned(),
        (None, None) => return Err(Failure::usage("name a resource, or a condition with --where")),
    };
    match Predicate::parse(&source, &mut Fields::default()) {
        Ok(_) => Ok(source),
        Err(error) => {
            let place = if subject.filter.is_some() { "--where" } else { "resource" };
            let mut fault = Fault::in_file(place, error.message).at(&source, error.offset, error.length);
            fault.help = error.help;
            Err(Failure::usage(fault.to_string()))
        }
    }
}

/// Reads what a person claims, without a number.
fn wanted(world: &World, subject: &ClaimSubject, team: &str, today: Day) -> Result<Settled, Failure> {
    let owner = team_named(world, team, today)?;
    let effective = subject.effective.unwrap_or_else(|| today.month().first_day());
    if let Some(expires) = subject.expires.filter(|expires| *expires <= effective) {
        return Err(Failure::usage(BookError::ClaimEndsBefore { effective, expires }.to_string()));
    }
    // On days before there was such a team its cost would be nobody's.
    if let Some(unit) = world.org.unit(&owner).filter(|unit| unit.on(effective).is_none()) {
        let since = unit.spans.iter().map(|span| span.period.from()).find(|from| *from > effective);
        let hint = since.map_or_else(String::new, |day| format!("; it begins on {day}: --effective {day}"));
        return Err(Failure::usage(format!("team {owner} does not exist on {effective}{hint}")));
    }
    Ok(Settled {
        number: 0,
        subject: condition(subject)?,
        owner,
        effective,
        expires: subject.expires,
        reason: subject.reason.clone(),
        evidence: subject.evidence.clone(),
    })
}

/// What came of a command: the claim, what it moves, and what was published.
pub(crate) struct Outcome {
    /// The claim as it stands then.
    pub(crate) claim: Claim,
    moves: Moves,
    published: Option<(Snapshot, Touched)>,
    /// One line for people.
    pub(crate) words: String,
}

impl Outcome {
    fn print(&self, format: OutputFormat) -> Result<(), Failure> {
        if format == OutputFormat::Json {
            let asked = (self.claim.state() == ClaimState::Open).then(|| self.claim.due().to_string());
            return print_json(&serde_json::json!({
                "claim": self.claim.number,
                "kind": self.claim.kind.word(),
                "subject": self.claim.subject,
                "to": self.claim.to_team.as_str(),
                "effective": self.claim.effective.to_string(),
                "expires": self.claim.expires.map(|day| day.to_string()),
                "state": self.claim.state().word(),
                "answer_by": asked,
                "moves": self.moves.answer("").json_rows(),
                "snapshot": self.published.as_ref().map(|(snapshot, _)| snapshot.digest.to_string()),
                "keys_examined": self.published.as_ref().map(|(_, touched)| touched.examined),
                "keys_changed": self.published.as_ref().map(|(_, touched)| touched.changed),
            }));
        }
        if !self.moves.is_empty() || format != OutputFormat::Table {
            let verb = if self.published.is_some() { "moved" } else { "would move" };
            self.moves.answer(&format!("Effective cost that {verb}")).print(format)?;
        }
        if format != OutputFormat::Table {
            return Ok(());
        }
        emit(&format!("{}\n", self.words))?;
        if let Some((snapshot, touched)) = &self.published {
            emit(&format!(
                "snapshot {} published; {} keys examined, {} changed, {} of {} scopes rewritten\n",
                snapshot.digest.short(),
                touched.examined,
                touched.changed,
                touched.rewritten,
                touched.slices
            ))?;
        }
        Ok(())
    }
}

/// Makes a claim, and settles it where nobody has to be asked.
async fn begin(
    root: &Path,
    subject: &ClaimSubject,
    team: &str,
    consent: Consent,
    format: OutputFormat,
) -> Result<(), Failure> {
    let home = Home::open(root, Access::Write).await?;
    let draft = Draft::of(&home, subject, team, consent).await?;
    draft.make(&home).await?.print(format)
}

/// A claim that was worked out, and is not made yet.
pub(crate) struct Draft {
    world: World,
    now: Instant,
    wanted: Settled,
    consent: Consent,
    prospect: Prospect,
}

impl Draft {
    /// Works out what a claim would move. Changes nothing.
    ///
    /// # Errors
    /// What cannot be meant, or is open already.
    pub(crate) async fn of(
        home: &Home,
        subject: &ClaimSubject,
        team: &str,
        consent: Consent,
    ) -> Result<Draft, Failure> {
        let world = World::load(home, None).await?;
        let now = clock::now();
        let mut wanted = wanted(&world, subject, team, now.day())?;
        let known = home.book.claims(&ClaimFilter::default()).await.map_err(problem)?;
        not_open_already(&known, &wanted, consent)?;
        // The number that the book will give, while this process alone may write.
        wanted.number = known.last().map_or(0, |claim| claim.number) + 1;
        let mut settled = vec![wanted.clone()];
        settled.extend(in_force(&known));
        let prospect = Prospect::of(home, &world, &settled, wanted.number)?;
        match check(&wanted, &prospect, consent) {
            Ok(()) => Ok(Draft { world, now, wanted, consent, prospect }),
            Err(failure) => {
                prospect.discard()?;
                Err(failure)
            }
        }
    }

    /// Whose it shall be.
    pub(crate) fn team(&self) -> &TeamId {
        &self.wanted.owner
    }

    /// The condition.
    pub(crate) fn subject(&self) -> &str {
        &self.wanted.subject
    }

    /// From when on it shall hold.
    pub(crate) fn effective(&self) -> Day {
        self.wanted.effective
    }

    /// What changes hands.
    pub(crate) fn moves(&self) -> Moves {
        self.prospect.moves.clone()
    }

    /// Who has to agree first; nobody where it holds at once.
    pub(crate) fn asked(&self) -> BTreeSet<TeamId> {
        match self.consent {
            Consent::Givers => self.prospect.givers(),
            Consent::Receiver => BTreeSet::from([self.wanted.owner.clone()]),
            Consent::Steward => BTreeSet::new(),
        }
    }

    /// What somebody agrees to who saw this: the world, the claim and what it moves.
    pub(crate) fn digest(&self) -> Digest {
        let one = &self.wanted;
        let text = format!(
            "{}|{}|{}|{:?}|{}|{:?}|{:?}",
            self.world.digest_text(),
            one.subject,
            one.owner,
            self.consent,
            one.effective,
            one.expires,
            self.moves(),
        );
        Digest::of(text.as_bytes())
    }

    /// Makes it. The process has to hold the lock for writing since before it was worked out.
    pub(crate) async fn make(self, home: &Home) -> Result<Outcome, Failure> {
        let asked = self.asked();
        let Draft { world, now, wanted, consent, prospect } = self;
        let mut sources: BTreeSet<Owner> = prospect.moves.sources().into_iter().cloned().collect();
        if sources.is_empty() {
            sources.insert(Owner::Team(wanted.owner.clone()));
        }
        let new = NewClaim {
            kind: match consent {
                Consent::Givers | Consent::Steward => ClaimKind::Claim,
                Consent::Receiver => ClaimKind::Dispute,
            },
            subject: wanted.subject.clone(),
            from_owner: if sources.len() == 1 { sources.into_iter().next() } else { None },
            to_team: wanted.owner.clone(),
            actor: actor(),
            reason: wanted.reason.clone(),
            evidence: wanted.evidence.clone(),
            at: now,
            effective: wanted.effective,
            expires: wanted.expires,
            answer_by: answer_by(home, now),
        };
        let claim = home.book.open_claim(&new).await.map_err(problem)?;
        let moves = prospect.moves.clone();
        if !asked.is_empty() {
            prospect.discard()?;
            let number = claim.number;
            let asked = asked.iter().map(TeamId::as_str).collect::<Vec<_>>().join(", ");
            let words = format!(
                "{} {number} is open: {asked} must answer by {}: leap claims accept {number}, or leap claims decline \
                 {number}",
                claim.kind.word(),
                claim.due()
            );
            return Ok(Outcome { claim, moves, published: None, words });
        }
        let note = match consent {
            Consent::Givers | Consent::Receiver if moves.is_empty() => "it was its own already".to_owned(),
            Consent::Givers | Consent::Receiver => "nobody had it: there was nobody to ask".to_owned(),
            Consent::Steward => {
                format!("assigned in the name of the steward, {}", world.rules.steward(&ResidualReason::NoRule))
            }
        };
        settle(home, &world, &claim, prospect, ClaimStep::Accepted, Some(note)).await
    }

    /// Leaves it.
    pub(crate) fn discard(self) -> Result<(), Failure> {
        self.prospect.discard()
    }
}

/// A condition without what makes no difference: blanks and the case of letters outside quotes.
fn bare(condition: &str) -> String {
    let mut quote = None;
    let mut out = String::new();
    for letter in condition.chars() {
        match quote {
            Some(end) => quote = (letter != end).then_some(end),
            None if letter == '\'' || letter == '"' => quote = Some(letter),
            None if letter.is_whitespace() => continue,
            None => {
                out.extend(letter.to_lowercase());
                continue;
            }
        }
        out.push(letter);
    }
    out
}

/// Refuses to ask once more what is open.
fn not_open_already(known: &[Claim], wanted: &Settled, consent: Consent) -> Result<(), Failure> {
    let kind = match consent {
        Consent::Givers => ClaimKind::Claim,
        Consent::Receiver => ClaimKind::Dispute,
        // A steward asks nobody.
        Consent::Steward => return Ok(()),
    };
    let days = |from: Day, until: Option<Day>| Period::new(from, until.unwrap_or(Day::NEVER));
    let own = days(wanted.effective, wanted.expires);
    let open = known.iter().find(|claim| {
        let shares_days =
            own.zip(days(claim.effective, claim.expires)).is_some_and(|(a, b)| a.intersection(b).is_some());
        claim.state() == ClaimState::Open
            && claim.kind == kind
            && claim.to_team == wanted.owner
            && bare(&claim.subject) == bare(&wanted.subject)
            && shares_days
    });
    let Some(open) = open else { return Ok(()) };
    let number = open.number;
    Err(Failure::failed(format!(
        "{} {number} for {} on {} is open already since {}, to be answered by {}; nothing was changed (to change it: leap claims withdraw {number}, then again)",
        kind.word(),
        open.to_team,
        open.subject,
        open.opened_at,
        open.due()
    )))
}

/// Refuses what cannot be meant.
fn check(wanted: &Settled, prospect: &Prospect, consent: Consent) -> Result<(), Failure> {
    let (subject, team, since) = (&wanted.subject, &wanted.owner, wanted.effective);
    let until = wanted.expires.map_or_else(|| " on".to_owned(), |day| format!(" until {day}"));
    if prospect.named.values().all(|folded| folded.rows == 0) {
        return Err(Failure::failed(format!(
            "{subject} names no charge from {since}{until}; nothing was changed (an earlier day: --effective)"
        )));
    }
    match consent {
        Consent::Givers => Ok(()),
        Consent::Receiver if prospect.moves.is_empty() => {
            Err(Failure::failed(format!("all that {subject} names from {since}{until} is of {team} already")))
        }
        Consent::Receiver => Ok(()),
        Consent::Steward => {
            let givers: Vec<String> = prospect.givers().iter().map(ToString::to_string).collect();
            if !givers.is_empty() {
                return Err(Failure::failed(format!(
                    "{subject} names cost of {} too; only cost without an owner can be assigned; narrow the condition, or leap dispute … --to {team}",
                    givers.join(", ")
                )));
            }
            if prospect.moves.is_empty() {
                return Err(Failure::failed(format!(
                    "{subject} names no cost without an owner from {since}{until}: all of it is of {team}"
                )));
            }
            Ok(())
        }
    }
}

/// Publishes what changes with the answer to a claim, and says so.
async fn settle(
    home: &Home,
    world: &World,
    claim: &Claim,
    prospect: Prospect,
    step: ClaimStep,
    note: Option<String>,
) -> Result<Outcome, Failure> {
    let (moves, number) = (prospect.moves.clone(), claim.number);
    let words = format!("{} {number} {}", claim.kind.word(), step.word());
    let cause = format!("{words}: {} to {}", claim.subject, claim.to_team);
    let event = NewClaimEvent { claim: number, at: clock::now(), actor: actor(), step, note };
    let published = prospect.publish(home, world, cause, vec![event]).await?;
    let claim = home.book.claim(number).await.map_err(problem)?;
    let rule = match claim.state() {
        ClaimState::Accepted => {
            let until = claim.expires.map_or_else(String::new, |day| format!(" until {day}"));
            format!("; rule {} holds from {}{until}", rule_id(number), claim.effective)
        }
        ClaimState::Open | ClaimState::Declined | ClaimState::Withdrawn | ClaimState::Expired => String::new(),
    };
    Ok(Outcome { claim, moves, published: Some(published), words: format!("{words}{rule}") })
}

/// The same refusal as the book's, before anything is worked out.
fn must_be_open(claim: &Claim, step: &ClaimStep) -> Result<(), Failure> {
    match (claim.state(), claim.events.last()) {
        (ClaimState::Open, _) | (_, None) => Ok(()),
        (ClaimState::Accepted | ClaimState::Declined | ClaimState::Withdrawn | ClaimState::Expired, Some(last)) => {
            let (event, state) = (step.word(), last.step.word());
            let actor = last.actor.clone();
            Err(problem(BookError::ClaimSettled { claim: claim.number, event, state, actor, at: last.at }))
        }
    }
}

/// True when an open claim's last day passed while it waited; one of past days alone waits for its answer all the same.
fn over(claim: &Claim, today: Day) -> bool {
    claim.expires.is_some_and(|day| day <= today && day > claim.opened_at.day())
}

/// `leap claims accept`.
async fn accept(root: &Path, args: &ClaimAnswerArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Write).await?;
    let acceptance = Acceptance::of(&home, args.number).await?;
    acceptance.make(&home, args.note.clone()).await?.print(args.format.format)
}

/// The acceptance of a claim, worked out and not recorded yet.
pub(crate) struct Acceptance {
    world: World,
    /// The claim.
    pub(crate) claim: Claim,
    /// Who may accept it: those who give something away, or who gets it.
    pub(crate) asked: BTreeSet<TeamId>,
    prospect: Prospect,
}

impl Acceptance {
    /// Works out what it would move. Changes nothing.
    ///
    /// # Errors
    /// A claim that is not open, that is over, or that takes now from a team that was not asked.
    pub(crate) async fn of(home: &Home, number: i64) -> Result<Acceptance, Failure> {
        let claim = home.book.claim(number).await.map_err(problem)?;
        must_be_open(&claim, &ClaimStep::Accepted)?;
        let world = World::load(home, None).await?;
        let mut settled = vec![Settled::from(&claim)];
        let known = home.book.claims(&ClaimFilter::default()).await.map_err(problem)?;
        settled.extend(in_force(&known));
        if let Some(day) = claim.expires.filter(|_| over(&claim, clock::now().day())) {
            return Err(Failure::failed(format!(
                "{} {} was to hold until {day}, which is over, and nobody answered; nothing was changed: make a new one for other days",
                claim.kind.word(),
                claim.number
            )));
        }
        let prospect = Prospect::of(home, &world, &settled, claim.number)?;
        let asked = match claim.kind {
            ClaimKind::Claim => asked(home, &claim, &known).await?,
            ClaimKind::Dispute => BTreeSet::from([claim.to_team.clone()]),
        };
        let others = prospect.givers().into_iter().find(|giver| !asked.contains(giver));
        if let Some(giver) = others.filter(|_| claim.kind == ClaimKind::Claim) {
            prospect.discard()?;
            let asked: Vec<&str> = asked.iter().map(TeamId::as_str).collect();
            return Err(Failure::try_again(format!(
                "claim {} was asked of {}, and takes from {giver} now, which was not asked; nothing was changed: withdraw it \
                 and claim again",
                claim.number,
                asked.join(", ")
            )));
        }
        Ok(Acceptance { world, claim, asked, prospect })
    }

    /// What changes hands.
    pub(crate) fn moves(&self) -> Moves {
        self.prospect.moves.clone()
    }

    /// What somebody agrees to who saw this.
    pub(crate) fn digest(&self) -> Digest {
        let text = format!("{}|{}|{:?}", self.world.digest_text(), self.claim.number, self.moves());
        Digest::of(text.as_bytes())
    }

    /// Records and publishes it. The process has to hold the lock for writing since before it was worked out.
    pub(crate) async fn make(self, home: &Home, note: Option<String>) -> Result<Outcome, Failure> {
        settle(home, &self.world, &self.claim, self.prospect, ClaimStep::Accepted, note).await
    }

    /// Leaves it.
    pub(crate) fn discard(self) -> Result<(), Failure> {
        self.prospect.discard()
    }
}

/// The teams that were asked when a claim was made: those from which it would have taken then.
async fn asked(home: &Home, claim: &Claim, known: &[Claim]) -> Result<BTreeSet<TeamId>, Failure> {
    if let Some(Owner::Team(team)) = &claim.from_owner {
        return Ok(BTreeSet::from([team.clone()]));
    }
    let accepted_before = |other: &&Claim| {
        other.events.iter().any(|event| event.step == ClaimStep::Accepted && event.at <= claim.opened_at)
    };
    let before: Vec<Claim> = known.iter().filter(accepted_before).cloned().collect();
    let mut settled = vec![Settled::from(claim)];
    settled.extend(in_force(&before));
    let world = World::known(home, Some(claim.opened_at)).await?;
    Ok(Prospect::of(home, &world, &settled, claim.number)?.givers())
}

/// Records an answer that changes no charge.
async fn record(home: &Home, number: i64, note: Option<String>, step: ClaimStep) -> Result<Outcome, Failure> {
    let event = NewClaimEvent { claim: number, at: clock::now(), actor: actor(), step, note };
    let claim = home.book.add_claim_event(&event).await.map_err(problem)?;
    let words = format!("{} {} {}; nothing else changes", claim.kind.word(), claim.number, claim.state().word());
    Ok(Outcome { claim, moves: Moves::default(), published: None, words })
}

/// `leap claims decline`.
async fn decline(root: &Path, args: &ClaimAnswerArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Write).await?;
    declined(&home, args.number, args.note.clone()).await?.print(args.format.format)
}

/// Records that a claim was declined.
pub(crate) async fn declined(home: &Home, number: i64, note: Option<String>) -> Result<Outcome, Failure> {
    record(home, number, note, ClaimStep::Declined).await
}

/// `leap claims withdraw`.
async fn withdraw(root: &Path, args: &ClaimAnswerArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Write).await?;
    withdrawn(&home, args.number, args.note.clone()).await?.print(args.format.format)
}

/// Withdraws a claim: one that was accepted takes its rule with it.
pub(crate) async fn withdrawn(home: &Home, number: i64, note: Option<String>) -> Result<Outcome, Failure> {
    let claim = home.book.claim(number).await.map_err(problem)?;
    match claim.state() {
        ClaimState::Accepted => {}
        // The book says what is wrong with the last three.
        ClaimState::Open | ClaimState::Declined | ClaimState::Withdrawn | ClaimState::Expired => {
            return record(home, number, note, ClaimStep::Withdrawn).await;
        }
    }
    let world = World::load(home, None).await?;
    let others: Vec<Claim> = home
        .book
        .claims(&ClaimFilter::default())
        .await
        .map_err(problem)?
        .into_iter()
        .filter(|other| other.number != claim.number)
        .collect();
    let prospect = Prospect::of(home, &world, &in_force(&others), claim.number)?;
    settle(home, &world, &claim, prospect, ClaimStep::Withdrawn, note).await
}
