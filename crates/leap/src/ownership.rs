//! `leap rules …` and `leap org …`: what gives each charge its owner, checked before it is applied.
//!
//! Reading order: this file (the commands), `draft` (new rules, read and worked out), `prospect` (a change that is not
//! published yet), `looking` (in which slices a change gives other answers).

mod draft;
mod looking;
mod prospect;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use leap_book::{ConfigFiles, ConfigKind};
use leap_orient::attribute::{Answers, DiffRun, Engine, Moved, ScopeAttribution};
use leap_orient::check;
use leap_orient::org::Org;
use leap_orient::proof::OwnerTotals;
use leap_orient::rules::RuleSet;
use leap_terms::tables::{self, Table};
use leap_terms::{CostKind, Currency, Day, Fault, FileRecord, Money};

use crate::claims;
use crate::cli::{Later, OrgApplyArgs, OutputFormat, RulesApplyArgs, RulesFileArgs, RulesSuggestArgs};
use crate::clock::{self, Stopwatch};
use crate::config;
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, amount_shown, emit};
use crate::publish::{self, Change};
use crate::versions::{self, Since};
use crate::view::{read_pools, say_closed};
use crate::world::{Open, Slice, World, each_batch, owned_share, published};
use draft::Dated;
pub(crate) use draft::{RulesDraft, Source};
pub(crate) use looking::{Target, Touched, changed_slices, keyed_for};
pub(crate) use prospect::{Moves, Prospect, Weighed};

fn problem(error: impl std::error::Error + 'static) -> Failure {
    Failure::from_error(&error)
}

/// `leap rules apply`.
pub(crate) async fn apply_rules(root: &Path, args: &RulesApplyArgs, say: bool) -> Result<(), Failure> {
    let home = Home::open(root, Access::Write).await?;
    let world = World::load(&home, None).await?;
    let watch = Stopwatch::start();
    let since = Since { day: args.effective, later: args.later };
    let dated = match &args.file {
        Some(file) => Dated::of(&world, &world.org, Source::File(file), since)?,
        None => Dated::in_force(&world)?,
    };
    if say {
        warn(&dated.warnings);
    }
    if dated.is_in_force(&world) && !args.full {
        emit("these rules are in force already; nothing was changed\n")?;
        return Ok(());
    }
    // What a rule would do alone is asked of every key: where a small change is applied to much cost, rules check tells.
    if args.check {
        // Months to come may bring what a rule waits for, so this is no reason to refuse.
        let findings = dated.findings(&home, &world, &world.org)?;
        if !findings.is_empty() {
            eprintln!("{}", said(&findings, &dated.files));
        }
    }
    let what = args.file.as_ref().map_or_else(|| "--full".to_owned(), |file| file.display().to_string());
    let change = dated.change(draft::cause(&what, args.effective));
    let target = Target { rules: &dated.rules, org: &world.org, full: args.full, from_charges: args.from_charges };
    reattribute(&home, &world, target, change, args.format.format, say, &watch).await?;
    say_closed(&home).await
}

/// What is allowed in rules but probably not meant.
fn warn(warnings: &[Fault]) {
    const SHOWN: usize = 20;
    for warning in warnings.iter().take(SHOWN) {
        eprintln!("warning: {warning}");
    }
    if warnings.len() > SHOWN {
        eprintln!("… and {} more warnings", warnings.len() - SHOWN);
    }
}

/// The rules in force, read against another org.
pub(crate) fn rules_for(world: &World, org: &Org) -> Result<RuleSet, Failure> {
    let claims = world.config(ConfigKind::Claims).map(|version| &version.files);
    if world.config(ConfigKind::Rules).is_none() && claims.is_none() {
        return Ok(RuleSet::default());
    }
    config::read_rules(&world.config_files(ConfigKind::Rules), claims, org).map_err(|failure| Failure {
        message: format!("the rules in force do not fit this org; nothing was changed\n{}", failure.message),
        ..failure
    })
}

/// `leap org apply` with an org file, whose content may be read already.
pub(crate) async fn apply_org(
    root: &Path,
    args: &OrgApplyArgs,
    read: Option<config::Files>,
    say: bool,
) -> Result<(), Failure> {
    let files = match read {
        Some(files) => files,
        None => config::org_files(root, &args.file).await?,
    };
    let home = Home::open(root, Access::Write).await?;
    let world = World::load(&home, None).await?;
    let watch = Stopwatch::start();
    let (org, files) = config::load_org(&args.file, files)?;
    for warning in org.warnings() {
        eprintln!("warning: {warning}");
    }
    let title = config::org_title(&args.file);
    claims::fits(&home, &org, &title, Some(&args.file.display().to_string())).await?;
    let rules = rules_for(&world, &org)?;
    if world.config_digest(ConfigKind::Org) == Some(files.digest()) {
        emit("this org is in force already; nothing was changed\n")?;
        return Ok(());
    }
    let change = Change {
        cause: format!("org apply {}", args.file.display()),
        configs: BTreeMap::from([(ConfigKind::Org, files)]),
        ..Change::default()
    };
    let target = Target { rules: &rules, org: &org, full: false, from_charges: false };
    reattribute(&home, &world, target, change, args.format.format, say, &watch).await
}

/// When a change counts as recorded: now, or the earlier instant that it names.
fn recorded_at(world: &World, change: &Change) -> Result<leap_terms::Instant, Failure> {
    let now = clock::now();
    let Some(at) = change.at else { return Ok(now) };
    if at > now {
        return Err(Failure::usage(format!("recorded on {at} would be in the future; nothing was changed")));
    }
    match &world.snapshot {
        Some(last) if at < last.recorded_at => Err(Failure::usage(format!(
            "recorded on {at} would be before the last change, '{}' of {}; nothing was changed",
            last.cause, last.recorded_at
        ))),
        Some(_) | None => Ok(at),
    }
}

/// Refuses an org in which the pools in force name somebody whom nobody knows: no report could share them any more.
fn pools_fit(world: &World, org: &Org) -> Result<(), Failure> {
    read_pools(&world.config_files(ConfigKind::Pools), org).map(drop).map_err(|failure| Failure {
        message: format!(
            "the pools in force do not fit this org; nothing was changed\n{}\nkeep the unit (a dissolved one has a successor), or \
             name another one first: leap pool apply",
            failure.message
        ),
        ..failure
    })
}

/// When a change counts as recorded, where nothing speaks against it.
fn may_publish(world: &World, org: &Org, change: &Change) -> Result<leap_terms::Instant, Failure> {
    let now = recorded_at(world, change)?;
    // Reading a policy with its drivers takes its time; where all names mean what they meant, it fits as before.
    if change.configs.contains_key(&ConfigKind::Org) && !world.org.names_changed(org).is_empty() {
        pools_fit(world, org)?;
    }
    Ok(now)
}

/// Gives every charge whose answer changed its new owner, and publishes.
pub(crate) async fn reattribute(
    home: &Home,
    world: &World,
    target: Target<'_>,
    change: Change,
    format: OutputFormat,
    say: bool,
    watch: &Stopwatch,
) -> Result<(), Failure> {
    let now = may_publish(world, target.org, &change)?;
    let prospect = Prospect::of(home, world, target)?;
    let (snapshot, touched) = prospect.publish_at(home, world, (target.rules, target.org), change, now).await?;
    if !say {
        return Ok(());
    }
    if format == OutputFormat::Json {
        return crate::output::print_json(&serde_json::json!({
            "snapshot": snapshot.digest.to_string(),
            "id": snapshot.id,
            "keys_examined": touched.examined,
            "keys_changed": touched.changed,
            "slices_rewritten": touched.rewritten,
            "slices": touched.slices,
            "took_micros": watch.micros(),
        }));
    }
    let took = watch.shown();
    let totals = all_totals_of(home, snapshot.id).await?;
    emit(&format!(
        "snapshot {} published; {} keys examined, {} changed, {} of {} scopes rewritten in {took}; {}\n",
        snapshot.digest.short(),
        touched.examined,
        touched.changed,
        touched.rewritten,
        touched.slices,
        share_text(&totals)
    ))
}

/// Publishes a change that gives no charge another owner.
pub(crate) async fn publish_unchanged(
    home: &Home,
    world: &World,
    change: Change,
) -> Result<leap_book::Snapshot, Failure> {
    let now = recorded_at(world, &change)?;
    let staging = home.lake.stage(&format!("settings-{}", now.micros())).map_err(problem)?;
    publish::turn_by(home, world, (&world.rules, &world.org), staging, Vec::new(), change, now).await
}

/// What each owner has, over all scopes.
pub(crate) async fn all_totals(home: &Home, world: &World) -> Result<OwnerTotals, Failure> {
    match &world.snapshot {
        Some(snapshot) => all_totals_of(home, snapshot.id).await,
        None => Ok(OwnerTotals::new()),
    }
}

/// What each owner has at a snapshot, over all scopes.
async fn all_totals_of(home: &Home, snapshot: i64) -> Result<OwnerTotals, Failure> {
    let mut totals = OwnerTotals::new();
    for total in home.book.owner_totals(snapshot).await.map_err(problem)? {
        let folded = totals.entry((total.owner, total.rule, total.currency)).or_default();
        folded.costs += total.costs;
        folded.rows += i64::try_from(total.rows).map_err(|error| Failure::failed(error.to_string()))?;
    }
    Ok(totals)
}

/// "93.2% of effective cost owned (USD 1,234.00 of 1,324.03)", per currency.
pub(crate) fn share_text(totals: &OwnerTotals) -> String {
    let shares: Vec<String> = owned_share(totals)
        .iter()
        .map(|(currency, (owned, all))| {
            let (part, whole) = (owned.costs.effective, all.costs.effective);
            format!(
                "{} of {currency} {} effective cost owned ({})",
                amount_shown(part),
                amount_shown(whole),
                percent(part, whole)
            )
        })
        .collect();
    if shares.is_empty() { "no charges yet".to_owned() } else { shares.join("; ") }
}

/// A share as a percentage with one decimal, rounded half away from zero.
pub(crate) fn percent(part: Money, whole: Money) -> String {
    let (part, whole) = (part.coarse(), whole.coarse());
    let Some(scaled) = part.abs().checked_mul(1000).filter(|_| whole != 0) else { return "-".to_owned() };
    let permille = (scaled + whole.abs() / 2) / whole.abs();
    let sign = if permille != 0 && (part < 0) != (whole < 0) { "-" } else { "" };
    format!("{sign}{}.{}%", permille / 10, permille % 10)
}

/// One run of the rules per slice, counting what each rule would match; nothing is written that stays.
fn runs(home: &Home, world: &World, rules: &RuleSet, engine: &Engine<'_>) -> Result<Vec<ScopeAttribution>, Failure> {
    let mut runs = Vec::new();
    each_preview(home, world, rules, |slice, open| {
        let mut run = engine.scope().count_matches();
        each_batch(slice.of(Table::Keys), None, open, |batch| run.keys(batch).map_err(problem))?;
        each_batch(slice.of(Table::Resources), None, open, |batch| run.resources(batch).map_err(problem))?;
        each_batch(slice.of(Table::Cube), None, open, |batch| run.cube(batch).map_err(problem))?;
        runs.push(run.finish());
        Ok(())
    })?;
    Ok(runs)
}

/// Shadowed and dead rules over everything in the lake.
fn findings(rules: &RuleSet, org: &Org, runs: &[ScopeAttribution]) -> Vec<check::RuleFinding> {
    if runs.is_empty() {
        return Vec::new();
    }
    let mut findings = check::check(rules, org, &runs.iter().collect::<Vec<_>>());
    // A settlement that a newer one overrides is no mistake in the rules file.
    findings.retain(|finding| !config::is_claim(finding.rule.as_str()));
    findings
}

/// What is the matter with the rules in force, by rule; what nothing is the matter with is left out.
pub(crate) fn standing(home: &Home, world: &World) -> Result<BTreeMap<String, check::FindingKind>, Failure> {
    let engine = Engine::new(&world.rules, &world.org);
    let findings = findings(&world.rules, &world.org, &runs(home, world, &world.rules, &engine)?);
    let mut standing = BTreeMap::new();
    for finding in findings {
        standing.entry(finding.rule.to_string()).or_insert(finding.kind);
    }
    Ok(standing)
}

pub(crate) fn finding_word(kind: check::FindingKind) -> &'static str {
    match kind {
        check::FindingKind::Unreachable => "unreachable",
        check::FindingKind::NeverMatches => "never matches",
        check::FindingKind::Shadowed => "shadowed",
        check::FindingKind::UnknownTeam => "unknown team",
        check::FindingKind::Ambiguous => "ambiguous team",
    }
}

/// The findings with line and caret.
fn said(findings: &[check::RuleFinding], files: &ConfigFiles) -> String {
    let text = files.files.first().map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
    let placed = findings.iter().map(|finding| {
        let fault = finding.fault();
        let Some(line) = finding.line else { return fault.to_string() };
        let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
        let row = text[start..].lines().next().unwrap_or_default();
        let indent = row.len() - row.trim_start().len();
        fault.at(&text, start + indent, row.trim().chars().count()).to_string()
    });
    placed.collect::<Vec<_>>().join("\n")
}

/// The org to check a file against: the one named, else the one in force.
async fn org_for<'w>(
    root: &Path,
    world: &'w World,
    named: Option<&PathBuf>,
    loaded: &'w mut Option<Org>,
) -> Result<&'w Org, Failure> {
    match named {
        Some(path) => Ok(loaded.insert(config::load_org(path, config::org_files(root, path).await?)?.0)),
        None => Ok(&world.org),
    }
}

/// `leap rules check`.
pub(crate) async fn check_rules(root: &Path, args: &RulesFileArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let world = World::load(&home, None).await?;
    let mut loaded = None;
    let org = org_for(root, &world, args.org.as_ref(), &mut loaded).await?;
    let since = Since { day: args.effective, later: args.later.or(Some(Later::Replace)) };
    let Dated { rules, warnings, own, files, .. } = Dated::of(&world, org, Source::File(&args.file), since)?;
    warn(&warnings);
    let engine = Engine::new(&rules, org);
    let runs = runs(&home, &world, &rules, &engine)?;
    let mut findings = findings(&rules, org, &runs);
    // What is the matter with rules of other days is no reason to refuse this file.
    findings.retain(|finding| own.contains(&(finding.rule.to_string(), finding.line)));
    let mut totals = OwnerTotals::new();
    for run in &runs {
        crate::world::add_totals(&mut totals, &run.totals);
    }
    let mut answer = Answer::new(
        format!("Money per rule, effective cost; {}", share_text(&totals)),
        &["rule", "charges", "currency", "amount", "finding"],
    );
    let mut per_rule = BTreeMap::<(Option<String>, Currency), (Money, u64)>::new();
    for ((_, rule, currency), folded) in &totals {
        let entry = per_rule.entry((rule.as_ref().map(ToString::to_string), currency.clone())).or_default();
        entry.0 += folded.costs.effective;
        entry.1 += folded.charges();
    }
    let note = |rule: &str| {
        findings
            .iter()
            .find(|finding| finding.rule.as_str() == rule)
            .map_or(Cell::Empty, |finding| Cell::text(finding_word(finding.kind)))
    };
    let mut told = BTreeSet::new();
    for rule in rules.rules().iter().map(|rule| &rule.id) {
        // A rule that holds in several versions is one line.
        if !told.insert(rule) {
            continue;
        }
        let mut any = false;
        for ((_, currency), (amount, count)) in
            per_rule.iter().filter(|((id, _), _)| id.as_deref() == Some(rule.as_str()))
        {
            any = true;
            answer.rows.push(vec![
                Cell::text(rule.as_str()),
                Cell::Count(*count),
                Cell::text(currency.as_str()),
                Cell::Amount(*amount),
                note(rule.as_str()),
            ]);
        }
        if !any {
            answer.rows.push(vec![
                Cell::text(rule.as_str()),
                Cell::Count(0),
                Cell::Empty,
                Cell::Empty,
                note(rule.as_str()),
            ]);
        }
    }
    for ((_, currency), (amount, count)) in per_rule.iter().filter(|((id, _), _)| id.is_none()) {
        answer.rows.push(vec![
            Cell::text("(no rule)"),
            Cell::Count(*count),
            Cell::text(currency.as_str()),
            Cell::Amount(*amount),
            Cell::Empty,
        ]);
    }
    answer.print(args.format.format)?;
    // A dead or shadowed rule is a mistake in the rules; a name that is no team is one in the tags.
    let mistaken = findings.iter().any(|finding| match finding.kind {
        check::FindingKind::Unreachable | check::FindingKind::NeverMatches | check::FindingKind::Shadowed => true,
        check::FindingKind::UnknownTeam | check::FindingKind::Ambiguous => false,
    });
    let report = said(&findings, &files);
    if mistaken {
        return Err(Failure::quality(format!("some rules do nothing\n{report}")));
    }
    if !report.is_empty() {
        eprintln!("{report}");
    }
    Ok(())
}

/// Calls `act` for each slice, keyed as the rules need, in a staging that is thrown away.
fn each_preview(
    home: &Home,
    world: &World,
    rules: &RuleSet,
    mut act: impl FnMut(&Slice, Open) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let staging = home.stage("preview")?;
    let lake = published(home);
    let extra = rules.extra_columns();
    let outcome = (|| {
        for slice in world.slices() {
            let keyed = keyed_for(home, &extra, &slice, &staging, &lake)?.unwrap_or_else(|| slice.clone());
            let staged: Vec<String> = staging.files().into_iter().map(|file| file.path).collect();
            let open = |file: &FileRecord, columns: Option<&[&str]>| {
                if staged.contains(&file.path) {
                    staging.scan(file, columns).map_err(problem)
                } else {
                    lake(file, columns)
                }
            };
            act(&keyed, &open)?;
        }
        Ok(())
    })();
    staging.discard().map_err(problem)?;
    outcome
}

/// `leap rules diff`: the money that would move, owner by owner.
pub(crate) async fn diff_rules(root: &Path, args: &RulesFileArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let world = World::load(&home, None).await?;
    let mut loaded = None;
    let org = org_for(root, &world, args.org.as_ref(), &mut loaded).await?;
    let since = Since { day: args.effective, later: args.later };
    let rules = Dated::of(&world, org, Source::File(&args.file), since)?.rules;
    let engine = Engine::new(&rules, org);
    let in_force = Engine::new(&world.rules, &world.org);
    let mut diff = DiffRun::new(&in_force, &engine);
    each_preview(&home, &world, &rules, |slice, open| {
        diff.next_scope();
        each_batch(slice.of(Table::Keys), None, open, |batch| diff.keys(batch).map_err(problem))?;
        each_batch(slice.of(Table::Resources), None, open, |batch| diff.resources(batch).map_err(problem))?;
        each_batch(slice.of(Table::Cube), None, open, |batch| diff.cube(batch).map_err(problem))
    })?;
    let mut answer =
        Answer::new("Money that would move, effective cost", &["from", "to", "charges", "currency", "amount"]);
    let mut rows: Vec<_> = diff.moved().into_iter().filter(|moved| moved.from != moved.to).collect();
    let size = |moved: &Moved| moved.folded.costs.effective.abs();
    rows.sort_by(|a, b| {
        size(b).cmp(&size(a)).then_with(|| (&a.from, &a.to, &a.currency).cmp(&(&b.from, &b.to, &b.currency)))
    });
    let mut per_owner = BTreeMap::<(String, Currency), Money>::new();
    for Moved { from, to, currency, folded } in rows {
        let (amount, count) = (folded.costs.effective, folded.charges());
        *per_owner.entry((from.to_string(), currency.clone())).or_default() -= amount;
        *per_owner.entry((to.to_string(), currency.clone())).or_default() += amount;
        answer.rows.push(vec![
            Cell::text(from.to_string()),
            Cell::text(to.to_string()),
            Cell::Count(count),
            Cell::text(currency.as_str()),
            Cell::Amount(amount),
        ]);
    }
    answer.print(args.format.format)?;
    if args.format.format == OutputFormat::Table && !per_owner.is_empty() {
        let sum: Money = per_owner.values().copied().sum();
        let mut net = Answer::new("\nNet per owner", &["owner", "currency", "change"]);
        let mut sorted: Vec<_> = per_owner.into_iter().collect();
        sorted.sort_by_key(|(_, amount)| std::cmp::Reverse(*amount));
        for ((owner, currency), amount) in sorted {
            net.rows.push(vec![Cell::text(owner), Cell::text(currency.as_str()), Cell::Amount(amount)]);
        }
        net.print(OutputFormat::Table)?;
        emit(&format!("the changes add up to {sum}\n"))?;
    }
    Ok(())
}

/// The rules that would own most residual cost, at most so many. Reads answers, cubes, keys and resources of all scopes.
pub(crate) fn suggestions(home: &Home, world: &World, top: usize) -> Result<Vec<check::Suggestion>, Failure> {
    let open = published(home);
    let mut stored = Answers::new();
    let slices = world.slices();
    for slice in &slices {
        each_batch(slice.of(Table::Attribution), None, &open, |batch| stored.add(batch).map_err(problem))?;
    }
    let mut search = check::SuggestRun::new(&world.org, &stored, CostKind::Effective);
    for slice in &slices {
        each_batch(slice.of(Table::Cube), None, &open, |batch| search.cube(batch).map_err(problem))?;
    }
    for slice in &slices {
        each_batch(slice.of(Table::Keys), None, &open, |batch| search.keys(batch).map_err(problem))?;
    }
    for slice in &slices {
        each_batch(slice.of(Table::Resources), None, &open, |batch| search.resources(batch).map_err(problem))?;
    }
    Ok(search.finish(top))
}

/// `leap rules suggest`.
pub(crate) async fn suggest(root: &Path, args: &RulesSuggestArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let world = World::load(&home, None).await?;
    let mut answer =
        Answer::new("Rules that would own most residual cost (effective)", &["charges", "currency", "amount", "rule"]);
    for suggestion in suggestions(&home, &world, args.top)? {
        for (currency, amount) in &suggestion.owns {
            answer.rows.push(vec![
                Cell::Count(suggestion.rows),
                Cell::text(currency.as_str()),
                Cell::Amount(*amount),
                Cell::text(suggestion.yaml.as_str()),
            ]);
        }
    }
    if args.format.format == OutputFormat::Table {
        emit(&format!("{}\n", answer.title))?;
        for row in &answer.rows {
            let [Cell::Count(count), Cell::Text(currency), Cell::Amount(amount), Cell::Text(yaml)] = row.as_slice()
            else {
                continue;
            };
            emit(&format!("\n# owns {} {currency} in {count} charges\n{yaml}\n", amount_shown(*amount)))?;
        }
        return if answer.rows.is_empty() { emit("(nothing: no residual cost points to a team)\n") } else { Ok(()) };
    }
    answer.print(args.format.format)
}

/// `leap rules show`.
pub(crate) async fn show_rules(root: &Path, format: OutputFormat) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let world = World::load(&home, None).await?;
    let Some(version) = world.config(ConfigKind::Rules) else {
        return Err(Failure::failed(
            "no rules are in force; write rules.yaml and apply it: leap rules apply rules.yaml",
        ));
    };
    if format == OutputFormat::Table {
        emit(&versions::shown(version)?)?;
        return Ok(());
    }
    let mut answer = Answer::new("", &["rule", "from", "until", "version", "digest"]);
    for rule in world.rules.rules() {
        let day = |day: Day, open: Day| if day == open { Cell::Empty } else { Cell::text(day.to_string()) };
        answer.rows.push(vec![
            Cell::text(rule.id.as_str()),
            day(rule.effective.from(), Day::EARLIEST),
            day(rule.effective.until(), Day::NEVER),
            Cell::text(version.id.to_string()),
            Cell::text(version.digest.to_string()),
        ]);
    }
    answer.print(format)
}

/// The key columns that a home needs now: the base ones and those that its rules name.
pub(crate) fn extra_key_columns(rules: &RuleSet) -> Vec<String> {
    let base = tables::base_key_columns();
    rules.extra_columns().into_iter().filter(|column| !base.contains(column)).collect()
}
