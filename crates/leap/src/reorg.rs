//! `leap org …`: the organisation as history. A new state is compared with the present one and becomes a plan; a plan is
//! applied exactly or refused as stale; what was applied can be taken back.
//!
//! ```text
//! leap org plan next.yaml --effective 2026-07-01     what happens, the money that moves, what would be orphaned
//! leap org apply 3f9c21ab                            exactly that
//! leap org revert 4                                  reports are what they were, to the byte
//! ```
//! A plan carries the digest of the world it was made in. Bills, rules, pools, an org or a closing that came since make it
//! stale: its figures would no longer be what the person saw. Reading order: `orphans` and `shared` (what a plan says beside
//! the moves), `check` (whether it is still so), `draft` (plans and reverts of which the site asks somebody else).

mod ahead;
mod check;
mod differences;
mod draft;
mod orphans;
mod revert;
mod shared;
mod text;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use arrow::array::RecordBatch;
use leap_book::{ConfigFiles, ConfigKind, NewReorg};
use leap_orient::org::propose::{Overrides, propose};
use leap_orient::org::{Org, OrgState, Reorg, sources};
use leap_orient::reading::moves::{Move, Moves, net};
use leap_orient::rules::RuleSet;
use leap_terms::tables::Table;
use leap_terms::{Currency, Day, Digest, Instant, Money, Month, TeamId, fault};
use serde::{Deserialize, Serialize};

use crate::catalog;
use crate::cli::{OrgApplyArgs, OrgPlanArgs, OrgShowArgs, OutputFormat};
use crate::clock::{self, Stopwatch};
use crate::config;
use crate::failure::Failure;
use crate::home::{Access, Home, failed};
use crate::output::{Answer, Cell, emit, print_json};
use crate::ownership::{self, Target, changed_slices, reattribute, rules_for};
use crate::publish::Change;
use crate::view::pools_of;
use crate::world::{World, published};
use ahead::{Ahead, Held};
pub(crate) use differences::diff;
use draft::keep;
pub(crate) use draft::{PlanDraft, plan_of};
pub(crate) use revert::{RevertDraft, revert};
use shared::PlannedChange;

/// Form of a plan's text.
const FORM: u32 = 2;

/// A reorg, ready to be applied.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    plan: u32,
    /// What it was made from.
    title: String,
    /// Digest of the snapshot that it was made in; none in an empty home.
    parent: Option<Digest>,
    /// When it counts as recorded, where a history is loaded later.
    recorded: Option<String>,
    /// Reorgs in order of their days.
    steps: Vec<Step>,
    /// Digest of the org that results.
    result: Digest,
    /// Direct effective cost that changes its place in the tree.
    moves: Vec<PlannedMove>,
    /// What each place gains or loses, direct and with shared cost, where that was asked for; empty where no pools are shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shared: Option<Vec<PlannedChange>>,
    /// What names a unit that ends.
    orphans: Vec<Orphan>,
    /// Closed periods whose statements would no longer be what is known.
    restates: Vec<Month>,
    /// The digest of each part above.
    #[serde(default)]
    seals: BTreeMap<String, Digest>,
    /// The plan as it is written, once that was asked for: a plan does not change any more then.
    #[serde(skip)]
    written: OnceLock<String>,
}

/// One reorg and why each of its parts was recognised.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    reorg: Reorg,
    findings: Vec<Found>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Found {
    what: String,
    unit: TeamId,
    words: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlannedMove {
    month: String,
    from: String,
    to: String,
    currency: String,
    amount: String,
    charges: u64,
}

/// Something that names a unit which ends.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Orphan {
    /// `rule payments-accounts`, `rule by-resource: owners.csv`, `steward of pool kafka`, `pool kafka: drivers.csv`.
    pub(crate) place: String,
    /// The unit as named there.
    pub(crate) unit: String,
    /// Who takes its place: names of a unit that ended mean its successor.
    pub(crate) successor: Option<TeamId>,
}

impl Plan {
    fn id(&self) -> String {
        Digest::of(self.text().as_bytes()).short()
    }

    fn text(&self) -> &str {
        self.written.get_or_init(|| text::written(&text::parts(self), &self.seals))
    }

    /// The plan with its seals, as it will be written.
    fn sealed(mut self) -> Plan {
        let parts = text::parts(&self);
        self.seals = text::seals(&parts);
        self.written = OnceLock::from(text::written(&parts, &self.seals));
        self
    }

    fn effective(&self) -> Option<Day> {
        self.steps.first().map(|step| step.reorg.effective)
    }

    fn first_day(&self) -> Option<Day> {
        self.steps.iter().map(|step| step.reorg.effective).min()
    }
}

fn problem(error: impl std::error::Error + 'static) -> Failure {
    Failure::from_error(&error)
}

fn faults(faults: Vec<leap_terms::Fault>) -> Failure {
    Failure::usage(fault::list(&faults))
}

fn pairs(list: &[String], flag: &str) -> Result<Vec<(TeamId, TeamId)>, Failure> {
    list.iter()
        .map(|text| {
            let (old, new) =
                text.split_once('=').ok_or_else(|| Failure::usage(format!("{flag} {text}: write OLD=NEW")))?;
            let team = |text: &str| TeamId::new(text.trim()).map_err(Failure::usage);
            Ok((team(old)?, team(new)?))
        })
        .collect()
}

/// What people say of units that a new state does not.
pub(crate) fn overrides(successors: &[String], renames: &[String], splits: &[String]) -> Result<Overrides, Failure> {
    Ok(Overrides {
        successors: pairs(successors, "--successor")?,
        renames: pairs(renames, "--rename")?,
        splits: pairs(splits, "--split")?,
    })
}

/// What a plan is asked for beside the new state.
#[derive(Default)]
pub(crate) struct Asked {
    /// When it counts as recorded, where that is not when it is applied.
    pub(crate) recorded: Option<Instant>,
    /// Also what each place gains and loses after pools were split.
    pub(crate) with_shared: bool,
    /// The rows that the plan will need, where they are being read already.
    ahead: Option<Ahead>,
}

/// The plan that leads from the org in force to the states of a source.
pub(crate) async fn make(
    home: &Home,
    world: &World,
    title: &str,
    states: Vec<(Option<Day>, OrgState)>,
    effective: Option<Day>,
    overrides: &Overrides,
    asked: Asked,
) -> Result<Plan, Failure> {
    let Asked { recorded, with_shared, ahead } = asked;
    let dated = states.iter().filter(|(day, _)| day.is_some()).count();
    if effective.is_some() && dated > 1 {
        return Err(Failure::usage(format!(
            "the file has {dated} dated states; leave --effective out, and each takes effect on its day"
        )));
    }
    let mut org = Cow::Borrowed(&world.org);
    let mut steps = Vec::new();
    for (day, state) in states {
        let day = effective
            .or(day)
            .ok_or_else(|| Failure::usage("from which day on? say --effective DATE (the file has no date)"))?;
        let proposal = propose(&org, day, &state, overrides).map_err(faults)?;
        if proposal.reorg.operations.is_empty() {
            continue;
        }
        org = Cow::Owned(org.with(&proposal.reorg).map_err(faults)?);
        let findings = proposal.findings.iter().map(|finding| Found {
            what: finding.what.to_string(),
            unit: finding.unit.clone(),
            words: finding.to_string(),
        });
        steps.push(Step { findings: findings.collect(), reorg: proposal.reorg });
    }
    let mut plan = Plan {
        plan: FORM,
        title: title.to_owned(),
        parent: world.snapshot.as_ref().map(|snapshot| snapshot.digest),
        recorded: recorded.map(|at| at.to_string()),
        steps,
        result: org.digest(),
        moves: Vec::new(),
        shared: None,
        orphans: Vec::new(),
        restates: Vec::new(),
        seals: BTreeMap::new(),
        written: OnceLock::new(),
    };
    plan.orphans = orphans_of(world, &org, &plan.steps)?;
    let from = plan.first_day();
    (plan.moves, plan.shared) = figures(home, world, &org, from, with_shared, ahead)?;
    plan.restates = restated(home, world, from, &plan.moves).await?;
    Ok(plan.sealed())
}

fn orphans_of(world: &World, org: &Org, steps: &[Step]) -> Result<Vec<Orphan>, Failure> {
    orphans::orphans(&world.rules, || pools_of(world), &world.org, org, steps)
}

/// The money that moves, month by month: direct, and what each place gains or loses with shared cost.
fn figures(
    home: &Home,
    world: &World,
    org: &Org,
    from: Option<Day>,
    with_shared: bool,
    ahead: Option<Ahead>,
) -> Result<(Vec<PlannedMove>, Option<Vec<PlannedChange>>), Failure> {
    let Some(effective) = from else { return Ok(Default::default()) };
    // Where names mean other units, answers change too; nothing of this is kept.
    let staging = home.stage("plan")?;
    let fresh = if world.org.names_changed(org).is_empty() {
        Vec::new()
    } else {
        let rules = rules_for(world, org)?;
        changed_slices(home, world, Target { rules: &rules, org, full: false, from_charges: false }, &staging)?.0
    };
    drop(staging);
    let open = published(home);
    let mut held = match ahead {
        Some(ahead) if ahead.since() == effective => ahead.finish()?,
        Some(_) | None => ahead::slices_since(world, effective).into_iter().map(|slice| (slice, None)).collect(),
    };
    let second = held.split_off(held.len() / 2);
    let read = |held: Vec<Held>| -> Result<Moves<'_>, Failure> {
        let mut moves = Moves::new(&world.org, org, effective);
        for (slice, batches) in held {
            if slice.of(Table::Daily).is_empty() {
                let daily = crate::world::daily(&slice, &open)?;
                moves.daily(&daily.batch()).map_err(problem)?;
                continue;
            }
            let mut charges = 0;
            let mut add = |batch: RecordBatch| {
                charges += moves.daily(&batch).map_err(problem)?;
                Ok(())
            };
            match batches {
                Some(batches) => batches.into_iter().try_for_each(add)?,
                None => slice.of(Table::Daily).iter().try_for_each(|file| ahead::each(&home.lake, file, &mut add))?,
            }
            if u64::try_from(charges) != Ok(slice.rows) {
                return Err(Failure::quality(format!(
                    "{}: the daily table has {charges} of {} charges; nothing was planned; leap verify says what is damaged",
                    slice.scope, slice.rows
                )));
            }
        }
        Ok(moves)
    };
    let (one, other) = std::thread::scope(|scope| {
        let other = scope.spawn(|| read(second));
        (read(held), other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let mut moves = one?;
    moves.merge(other?).map_err(problem)?;
    for done in fresh.iter().filter_map(|fresh| fresh.again.as_ref()) {
        for ((day, before, after, currency), folded) in &done.moved {
            moves.changed(*day, before, after, currency, *folded).map_err(problem)?;
        }
    }
    let moves = moves.finish();
    let shared = match with_shared {
        true => Some(shared::shared(world, org, effective, &moves, &fresh, &open)?),
        false => None,
    };
    let planned = moves.into_iter().map(|one: Move| PlannedMove {
        month: one.month.to_string(),
        from: one.from,
        to: one.to,
        currency: one.currency.as_str().to_owned(),
        amount: one.amount.to_string(),
        charges: one.rows,
    });
    Ok((planned.collect(), shared))
}

/// A plan as it is answered.
#[derive(Serialize)]
struct Planned<'p> {
    #[serde(flatten)]
    plan: &'p Plan,
    id: String,
    took_micros: u64,
}

/// `leap org plan`.
pub(crate) async fn plan(root: &Path, args: &OrgPlanArgs) -> Result<(), Failure> {
    let files = config::org_files(root, &args.file).await?;
    let home = Home::open(root, Access::Write).await?;
    let world = World::load(&home, None).await?;
    let watch = Stopwatch::start();
    let ahead = args.effective.and_then(|day| Ahead::start(&home.lake, &world, day));
    let source = sources::read(&files).map_err(faults)?;
    for warning in &source.warnings {
        eprintln!("warning: {warning}");
    }
    let overrides = overrides(&args.successor, &args.rename, &args.split)?;
    let title = format!("{} ({})", config::org_title(&args.file), source.format);
    let asked = Asked { recorded: args.recorded, with_shared: args.shared, ahead };
    let plan = make(&home, &world, &title, source.states, args.effective, &overrides, asked).await?;
    if plan.steps.is_empty() {
        return emit("the org is already so; there is nothing to apply\n");
    }
    keep(&home, &plan)?;
    if let Some(path) = &args.output {
        std::fs::write(path, plan.text()).map_err(|error| failed("write", path, &error))?;
    }
    let id = plan.id();
    if args.format.format == OutputFormat::Json {
        return print_json(&Planned { plan: &plan, id, took_micros: watch.micros() });
    }
    emit(&shown(&plan, args.format.format)?)?;
    let took = watch.shown();
    emit(&format!("\nplanned in {took}; nothing was changed; apply it with: leap org apply {id}\n"))
}

/// Closed periods with charges on or after a day, or in a month in which cost moves: a new name also speaks of earlier days.
async fn restated(home: &Home, world: &World, from: Option<Day>, moves: &[PlannedMove]) -> Result<Vec<Month>, Failure> {
    let Some(from) = from else { return Ok(Vec::new()) };
    let moved: BTreeSet<Month> = moves.iter().filter_map(|one| one.month.parse().ok()).collect();
    let touched: BTreeSet<Month> = world
        .scopes
        .iter()
        .filter(|scope| {
            let (first, last) = (scope.facts.first_day.month(), scope.facts.last_day.month());
            scope.facts.last_day >= from || moved.range(first..=last).next().is_some()
        })
        .map(|scope| scope.scope.billing_period)
        .collect();
    let statements = home.book.statements(None).await.map_err(problem)?;
    let closed: BTreeSet<Month> =
        statements.into_iter().filter(|statement| statement.binding).map(|statement| statement.period).collect();
    Ok(closed.intersection(&touched).copied().collect())
}

/// A plan for people.
fn shown(plan: &Plan, format: OutputFormat) -> Result<String, Failure> {
    let mut text = String::new();
    for step in &plan.steps {
        text += &format!("From {} ({}):\n", step.reorg.effective, plan.title);
        let mut counts = BTreeMap::<&str, usize>::new();
        for found in &step.findings {
            *counts.entry(&found.what).or_default() += 1;
        }
        let counted: Vec<String> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
        text += &format!("  {}\n", counted.join(", "));
        const SHOWN: usize = 40;
        for found in step.findings.iter().take(SHOWN) {
            text += &format!("  {:<11} {}\n", found.what, found.words);
        }
        if step.findings.len() > SHOWN {
            text += &format!("  … and {} more; all of them with --format json\n", step.findings.len() - SHOWN);
        }
    }
    let moves: Vec<Move> = plan.moves.iter().map(PlannedMove::read).collect::<Result<_, _>>()?;
    if moves.is_empty() {
        text += "\nNo direct cost changes its place.\n";
    } else {
        text += &money(&moves, format);
    }
    match &plan.shared {
        Some(changes) => text += &with_shared(changes, format),
        None if plan.moves.is_empty() => {}
        None => text += "This is direct cost; with --shared the plan also shows it after pools were split.\n",
    }
    if !plan.orphans.is_empty() {
        let mut answer = Answer::new(
            "\nNamed, but ending; names of an ended unit mean its successor (without one: residual, or stays with the pool)",
            &["where", "unit", "successor"],
        );
        for orphan in &plan.orphans {
            answer.rows.push(vec![
                Cell::text(orphan.place.as_str()),
                Cell::text(orphan.unit.as_str()),
                orphan.successor.as_ref().map_or(Cell::text("none"), |team| Cell::text(team.as_str())),
            ]);
        }
        text += &drawn(&answer, format);
    }
    if !plan.restates.is_empty() {
        let months: Vec<String> = plan.restates.iter().map(ToString::to_string).collect();
        text += &format!("\nClosed periods to restate: {} (leap period diff)\n", months.join(", "));
    }
    Ok(text)
}

fn drawn(answer: &Answer, format: OutputFormat) -> String {
    match format {
        OutputFormat::Markdown => answer.markdown(),
        OutputFormat::Csv => answer.csv(),
        OutputFormat::Table | OutputFormat::Json => answer.table(),
    }
}

/// Money that moves: per month and unit, then what each place gains.
fn money(moves: &[Move], format: OutputFormat) -> String {
    const SHOWN: usize = 20;
    let mut months = BTreeMap::<(Month, Currency), (Money, usize)>::new();
    for one in moves {
        let sum = months.entry((one.month, one.currency.clone())).or_default();
        sum.0 += one.amount.abs();
        sum.1 += 1;
    }
    let mut answer = Answer::new(
        "\nDirect effective cost that changes its place, per month",
        &["month", "places", "currency", "amount"],
    );
    for ((month, currency), (amount, count)) in &months {
        answer.rows.push(vec![
            Cell::text(month.to_string()),
            Cell::Count(*count as u64),
            Cell::text(currency.as_str()),
            Cell::Amount(*amount),
        ]);
    }
    let mut text = drawn(&answer, format);
    let mut units = BTreeMap::<(String, String, Currency), Money>::new();
    for one in moves {
        *units.entry((one.from.clone(), one.to.clone(), one.currency.clone())).or_default() += one.amount;
    }
    let mut units: Vec<_> = units.into_iter().collect();
    units.sort_by(|a, b| b.1.abs().cmp(&a.1.abs()).then_with(|| a.0.cmp(&b.0)));
    let mut answer =
        Answer::new(format!("\nFrom where to where ({} in all)", units.len()), &["from", "to", "currency", "amount"]);
    for ((from, to, currency), amount) in units.iter().take(SHOWN) {
        answer.rows.push(vec![
            Cell::text(from.as_str()),
            Cell::text(to.as_str()),
            Cell::text(currency.as_str()),
            Cell::Amount(*amount),
        ]);
    }
    text += &drawn(&answer, format);
    if units.len() > SHOWN {
        text += &format!("… and {} more; all of them with --format json\n", units.len() - SHOWN);
    }
    let sum: Money = net(moves).values().copied().sum();
    text += &format!("what places gain and lose adds up to {sum}\n");
    text
}

/// What each place gains or loses, direct and after pools were shared.
fn with_shared(changes: &[PlannedChange], format: OutputFormat) -> String {
    const SHOWN: usize = 20;
    if changes.is_empty() {
        return "No cost that pools share changes its place.\n".to_owned();
    }
    let mut largest: Vec<&PlannedChange> = changes.iter().collect();
    largest.sort_by_key(|one| (std::cmp::Reverse(one.shared.abs()), one.month, &one.place));
    let mut answer = Answer::new(
        format!("\nWhat places gain and lose, direct and with shared cost ({} in all)", changes.len()),
        &["month", "place", "currency", "direct", "with shared cost"],
    );
    for one in largest.iter().take(SHOWN) {
        answer.rows.push(vec![
            Cell::text(one.month.to_string()),
            Cell::text(one.place.as_str()),
            Cell::text(one.currency.as_str()),
            Cell::Amount(one.direct),
            Cell::Amount(one.shared),
        ]);
    }
    let mut text = drawn(&answer, format);
    if changes.len() > SHOWN {
        text += &format!("… and {} more; all of them with --format json\n", changes.len() - SHOWN);
    }
    let sum = |of: fn(&PlannedChange) -> Money| changes.iter().map(of).sum::<Money>();
    text +=
        &format!("they add up to {} direct and {} with shared cost\n", sum(|one| one.direct), sum(|one| one.shared));
    text
}

impl PlannedMove {
    fn read(&self) -> Result<Move, Failure> {
        let damaged = |what: &str| Failure::usage(format!("the plan is damaged: '{what}'"));
        Ok(Move {
            month: self.month.parse().map_err(|_| damaged(&self.month))?,
            from: self.from.clone(),
            to: self.to.clone(),
            currency: Currency::new(&self.currency).map_err(|_| damaged(&self.currency))?,
            amount: self.amount.parse().map_err(|_| damaged(&self.amount))?,
            rows: self.charges,
        })
    }
}

/// The plan that a person names, by its number or its file, and whether this home has the same in its own folder.
fn find(home: &Home, named: &Path) -> Result<Option<(Plan, bool)>, Failure> {
    let place = |id: &str| home.root.join("plans").join(format!("{id}.json"));
    let kept = |name: &str| -> Option<PathBuf> {
        let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        plain.then(|| place(name)).filter(|path| path.is_file())
    };
    let number = named.to_str().and_then(kept);
    let path = match &number {
        Some(path) => path.clone(),
        None if named.is_file() && named.extension().is_some_and(|extension| extension == "json") => named.to_owned(),
        None => return Ok(None),
    };
    let bytes = config::read_limited(&path)?;
    let plan: Plan = serde_json::from_slice(&bytes)
        .map_err(|error| Failure::usage(format!("{} is no plan: {error}", path.display())))?;
    if plan.plan != FORM {
        return Err(Failure::usage(format!("{} is a plan of form {}; make it again", path.display(), plan.plan)));
    }
    // A file in the folder of plans is one that this home made only under the number that its content gives.
    let own_place = place(&Digest::of(&bytes).short());
    let as_it_lies = number.as_ref() == Some(&own_place) || std::fs::read(&own_place).is_ok_and(|own| own == bytes);
    let same = |path: &Path| std::fs::read(path).is_ok_and(|own| own == plan.text().as_bytes());
    let own = match as_it_lies {
        // It need not be written again to know its text.
        true => String::from_utf8(bytes).is_ok_and(|text| plan.written.set(text).is_ok()),
        false => same(&place(&plan.id())),
    };
    if number.is_some() && !own {
        return Err(Failure::quality(format!("plan {} was edited; make it again: leap org plan", named.display())));
    }
    if !own {
        check::sealed(&plan)?;
    }
    Ok(Some((plan, own)))
}

/// `leap org apply`.
pub(crate) async fn apply(root: &Path, args: &OrgApplyArgs, say: bool) -> Result<(), Failure> {
    let asked = match catalog::address(&args.file) {
        Some(_) => Some(config::org_files(root, &args.file).await?),
        None => None,
    };
    let home = Home::open(root, Access::Write).await?;
    let world = World::load(&home, None).await?;
    let watch = Stopwatch::start();
    if let Some((plan, kept)) = find(&home, &args.file)? {
        if args.effective.is_some() {
            return Err(Failure::usage("a plan has its day; --effective goes with an org file"));
        }
        check::fresh(&world, &plan)?;
        let org = resulting(&world, &plan)?;
        check::follows(&home, &world, &org.org, &plan, kept).await?;
        return perform_to(&home, &world, plan, org, args.format.format, say, &watch).await;
    }
    if asked.is_none() && !args.file.exists() {
        return Err(Failure::usage(format!(
            "{} is neither a file nor the number of a plan; make one with: leap org plan NEW --effective DATE",
            args.file.display()
        )));
    }
    if args.effective.is_none() {
        if !world.org.steps().is_empty() && world.config(ConfigKind::Org).is_some() {
            let reorgs = home.book.reorgs().await.map_err(problem)?;
            if reorgs.iter().any(|reorg| world.snapshot.as_ref().is_some_and(|now| reorg.holds_at(now.id))) {
                return Err(Failure::usage(
                    "the org has a history, which this file would overwrite; say from which day it holds: --effective DATE",
                ));
            }
        }
        drop(home);
        return ownership::apply_org(root, args, asked, say).await;
    }
    let files = match asked {
        Some(files) => files,
        None => config::org_files(root, &args.file).await?,
    };
    let source = sources::read(&files).map_err(faults)?;
    for warning in &source.warnings {
        eprintln!("warning: {warning}");
    }
    let title = format!("{} ({})", config::org_title(&args.file), source.format);
    let plan =
        make(&home, &world, &title, source.states, args.effective, &Overrides::default(), Asked::default()).await?;
    perform(&home, &world, plan, args.format.format, say, &watch).await
}

/// The org to which the steps of a plan lead, and its text.
struct Resulting {
    org: Org,
    text: String,
}

fn resulting(world: &World, plan: &Plan) -> Result<Resulting, Failure> {
    let mut org = Cow::Borrowed(&world.org);
    for step in &plan.steps {
        org = Cow::Owned(org.with(&step.reorg).map_err(faults)?);
    }
    let (digest, text) = org.digest_and_text();
    if digest != plan.result {
        return Err(Failure::quality("the plan was edited: it leads to another org than it says; nothing was changed"));
    }
    Ok(Resulting { org: org.into_owned(), text })
}

/// Performs a plan that was made just now.
pub(crate) async fn perform(
    home: &Home,
    world: &World,
    plan: Plan,
    format: OutputFormat,
    say: bool,
    watch: &Stopwatch,
) -> Result<(), Failure> {
    let org = resulting(world, &plan)?;
    perform_to(home, world, plan, org, format, say, watch).await
}

/// Performs a plan that was made just now, or found to be still so.
async fn perform_to(
    home: &Home,
    world: &World,
    plan: Plan,
    resulting: Resulting,
    format: OutputFormat,
    say: bool,
    watch: &Stopwatch,
) -> Result<(), Failure> {
    if plan.steps.is_empty() {
        return emit("the org is already so; nothing was changed\n");
    }
    let (change, rules) = change_of(world, &plan, &resulting)?;
    let rules = rules.as_ref().unwrap_or(&world.rules);
    let target = Target { rules, org: &resulting.org, full: false, from_charges: false };
    reattribute(home, world, target, change, format, say, watch).await
}

/// What is published with a plan, and the rules as they read in its org, where names mean other units there.
fn change_of(world: &World, plan: &Plan, resulting: &Resulting) -> Result<(Change, Option<RuleSet>), Failure> {
    let Resulting { org, text } = resulting;
    let rules = if world.org.names_changed(org).is_empty() { None } else { Some(rules_for(world, org)?) };
    let recorded = plan.recorded.as_deref().map(str::parse::<Instant>).transpose().map_err(Failure::usage)?;
    let effective = plan.effective().expect("a plan has steps");
    let change = Change {
        cause: format!("org apply {} from {effective}", plan.title),
        configs: BTreeMap::from([(ConfigKind::Org, canonical(text.clone()))]),
        reorg: Some(NewReorg { effective, title: plan.title.clone(), plan: plan.text().to_owned() }),
        at: recorded,
        ..Change::default()
    };
    Ok((change, rules))
}

fn canonical(text: String) -> ConfigFiles {
    ConfigFiles { files: vec![("org.yaml".to_owned(), text.into_bytes())] }
}

/// `leap org log`.
pub(crate) async fn log(root: &Path, format: OutputFormat) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let mut answer =
        Answer::new("Reorgs, newest first", &["reorg", "effective", "recorded", "by", "title", "changes", "state"]);
    let mut reorgs = home.book.reorgs().await.map_err(problem)?;
    reorgs.sort_by_key(|reorg| std::cmp::Reverse(reorg.id));
    for reorg in reorgs {
        let plan: Option<Plan> = serde_json::from_str(&reorg.plan).ok();
        let changes = plan.iter().flat_map(|plan| &plan.steps).map(|step| step.reorg.operations.len()).sum::<usize>();
        answer.rows.push(vec![
            Cell::text(reorg.id.to_string()),
            Cell::text(reorg.effective.to_string()),
            Cell::text(reorg.recorded_at.to_string()),
            Cell::text(reorg.actor.as_str()),
            Cell::text(reorg.title.as_str()),
            Cell::Count(changes as u64),
            Cell::text(match reorg.reverted_in {
                Some(snapshot) => format!("reverted in snapshot {snapshot}"),
                None => "in force".to_owned(),
            }),
        ]);
    }
    answer.print(format)
}

/// `leap org show`.
pub(crate) async fn show(root: &Path, args: &OrgShowArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let world = World::known(&home, args.as_known_on).await?;
    let day = args.as_of.unwrap_or_else(|| clock::now().day());
    let tree = world.org.tree(day);
    // As where a pool is split by head count: what a unit says of itself, else the people who are its members.
    let mut members = BTreeMap::<TeamId, u64>::new();
    for unit in world.org.state(day).people.into_values() {
        *members.entry(unit).or_default() += 1;
    }
    let mut answer = Answer::new(
        format!("Org as of {day}"),
        &["id", "name", "kind", "parent", "lead", "head_count", "cost_center", "aliases"],
    );
    let mut open: Vec<(&TeamId, usize)> = tree.roots().iter().rev().map(|root| (*root, 0)).collect();
    while let Some((id, depth)) = open.pop() {
        let Some(span) = tree.span(id) else { continue };
        let indent = if args.format.format == OutputFormat::Table { "  ".repeat(depth) } else { String::new() };
        let optional = |text: &Option<String>| text.as_ref().map_or(Cell::Empty, Cell::text);
        answer.rows.push(vec![
            Cell::text(format!("{indent}{id}")),
            Cell::text(span.name.as_str()),
            Cell::text(span.kind.as_str()),
            span.parent.as_ref().map_or(Cell::Empty, |parent| Cell::text(parent.to_string())),
            optional(&span.lead),
            span.head_count.map(u64::from).or_else(|| members.get(id).copied()).map_or(Cell::Empty, Cell::Count),
            optional(&span.cost_center),
            Cell::text(span.aliases.join(", ")),
        ]);
        open.extend(tree.children(id).iter().rev().map(|child| (*child, depth + 1)));
    }
    answer.print(args.format.format)
}
