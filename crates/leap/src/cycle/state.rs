//! What a turn decides from: verdicts on budgets, clauses, waivers, drift and forecasts, and what was said of them before.

use std::collections::{BTreeMap, BTreeSet};

use leap_book::{Incident as Recorded, IncidentFilter, IncidentState, IncidentStep, WaiverFilter, WaiverState};
use leap_decide::budget::State as BudgetState;
use leap_decide::contract::{Contract, Incident};
use leap_decide::decide::{self, Acknowledged, Drifted, Frozen, Inputs, Judged, Pending, Unread, Watched};
use leap_decide::org::Org as _;
use leap_decide::plan::World;
use leap_decide::waiver::{ANSWER_WITHIN, Approver, Waiver};
use leap_orient::org::Tree;
use leap_orient::reading::spend::Basis;
use leap_terms::{CostKind, Currency, Digest, Instant, Money, Period, Ratio, TeamId};

use crate::budget;
use crate::contracts::{self, ClauseState};
use crate::drift::{self, Ahead, Found};
use crate::failure::{Exit, Failure};
use crate::forecasts::{self, Due};
use crate::home::Home;
use crate::spend::{Words, by_words};
use crate::view::View;
use crate::waivers;

/// Budgets whose period ended so many days ago are judged: as long as they are watched, and as long again for a home that
/// slept.
const LOOK_BACK: i32 = 45;
/// Waivers to which something happened in so many days are spoken of.
const SPOKEN_OF: i64 = 14 * 86_400;

/// Days whose cost a departure is compared with, and those of a month.
const DAYS: i32 = 28;
const MONTH: u32 = 30;

/// A waiver with what decides about it.
struct Waiting {
    waiver: Waiver,
    over: Option<Money>,
    approvers: Vec<Approver>,
}

/// Somebody sees to an incident.
struct Seen {
    unit: TeamId,
    incident: Incident,
    by: String,
    words: String,
    ordinal: usize,
}

/// Something that could not be looked at, and why.
pub(crate) struct Blind {
    /// What, as messages name it.
    pub(crate) what: &'static str,
    /// Why, in one line.
    pub(crate) problem: String,
}

/// Letters of why that are told.
const PROBLEM: usize = 400;

/// What was looked at, or nothing and why: what cannot be read does not keep everything else from being done.
fn seen<T: Default>(what: &'static str, looked: Result<T, Failure>, unread: &mut Vec<Blind>) -> Result<T, Failure> {
    match looked {
        // Somebody publishes: the whole turn is taken again.
        Err(failure) if failure.exit == Exit::TryAgain => Err(failure),
        Err(failure) => {
            let words: Vec<&str> = failure.message.split_whitespace().collect();
            unread.push(Blind { what, problem: words.join(" ").chars().take(PROBLEM).collect() });
            Ok(T::default())
        }
        Ok(seen) => Ok(seen),
    }
}

/// What of a turn is looked at.
pub(crate) enum Part {
    /// Budgets, clauses, waivers and incidents: what does not wait.
    First,
    /// Drift and forecasts, too: every series of every team is judged, from what was read of it.
    Whole(Result<Ahead, Failure>),
}

/// Both invariants as they stand: what a view shows of budgets and clauses at a time, whatever was done since.
#[derive(Default)]
pub(crate) struct Invariants {
    budgets: Option<budget::Judged>,
    clauses: Vec<ClauseState>,
    unread: Vec<Blind>,
}

/// What was found.
pub(crate) struct State {
    /// The newest snapshot; none in a home without bills.
    pub(crate) snapshot: Option<leap_book::Snapshot>,
    /// The present.
    pub(crate) now: Instant,
    /// How budgets do.
    pub(crate) budgets: Option<budget::Judged>,
    /// How clauses do.
    pub(crate) clauses: Vec<ClauseState>,
    /// Departures of cost from its expected path, on the newest days.
    pub(crate) drift: Vec<Found>,
    /// Forecasts that are to be frozen.
    pub(crate) forecasts: Vec<Due>,
    waivers: Vec<Waiting>,
    /// All incidents as they were said.
    said: Vec<Incident>,
    /// Those of `said` that nothing watches any more, with the unit that answers for them today.
    gone: Vec<(TeamId, Incident)>,
    acknowledged: Vec<Seen>,
    /// Those of each clause, in the order of `clauses`.
    of_clauses: Vec<Vec<Incident>>,
    /// What could not be looked at.
    pub(crate) unread: Vec<Blind>,
    /// Who is told of what concerns nobody else.
    company: Option<TeamId>,
    units: BTreeMap<TeamId, bool>,
    /// The units from the company down to each, of the day.
    paths: BTreeMap<TeamId, Vec<TeamId>>,
    open: BTreeMap<String, bool>,
    approved: BTreeSet<Digest>,
    stopped: bool,
}

fn problem(error: impl std::error::Error + 'static) -> Failure {
    Failure::from_error(&error)
}

/// An incident as it was said last.
fn said(kept: &Recorded) -> Result<Incident, Failure> {
    // What people add says nothing of when it began and ended.
    let last = kept.events.iter().rev().find(|event| event.step != IncidentStep::Acknowledged && event.plan.is_some());
    let facts = last.map(|event| serde_json::from_str::<Incident>(&event.facts));
    match facts {
        Some(Ok(incident)) => Ok(incident),
        _ => Err(Failure::failed(format!(
            "incident {} is damaged: its facts are not those of an incident; leap doctor",
            kept.number
        ))),
    }
}

/// Who is told of what concerns nobody else: the first root that is a company, else the first.
fn company(tree: &Tree<'_>) -> Option<TeamId> {
    let is_company = |root: &&&TeamId| tree.span(root).is_some_and(|span| span.kind == "company");
    let roots = tree.roots();
    roots.iter().find(is_company).or(roots.first()).map(|root| (*root).clone())
}

impl Invariants {
    /// Judges budgets and clauses.
    pub(crate) async fn of(home: &Home, view: &View, now: Instant) -> Result<Invariants, Failure> {
        let mut unread = Vec::new();
        let budgets = seen("budgets", judged(home, view, now).await, &mut unread)?;
        let clauses = seen("contracts", contracts::watched(home, view, now).await, &mut unread)?;
        Ok(Invariants { budgets, clauses, unread })
    }
}

impl State {
    /// Looks at everything that decisions are made from.
    pub(crate) async fn of(
        home: &Home,
        view: &View,
        (now, part): (Instant, Part),
        invariants: Invariants,
    ) -> Result<State, Failure> {
        let head = view.head();
        let org = budget::spans(&head.org);
        let today = now.day();
        let Invariants { budgets, clauses, mut unread } = invariants;
        let (mut drift, mut forecasts) = (Vec::new(), Vec::new());
        if let Part::Whole(ahead) = part {
            drift = seen("drift", telling(home, view, now, ahead).await, &mut unread)?;
            forecasts = seen("forecasts", forecasts::due(home, view, now).await, &mut unread)?;
        }
        let is_blind = |what: &str| unread.iter().any(|blind| blind.what == what);
        let (no_budgets, no_clauses) = (is_blind("budgets"), is_blind("contracts"));
        let kept = home.book.incidents(&IncidentFilter::default()).await.map_err(problem)?;
        let mut all = Vec::new();
        for kept in &kept {
            all.push((kept, said(kept)?));
        }
        let of_clauses: Vec<Vec<Incident>> = clauses
            .iter()
            .map(|state| {
                let begins = format!("{}@", state.clause().key(&state.contract));
                let own = all.iter().filter(|(_, incident)| incident.id.starts_with(&begins));
                own.map(|(_, incident)| incident.clone()).collect()
            })
            .collect();
        let mut watched: BTreeSet<&str> = of_clauses.iter().flatten().map(|incident| incident.id.as_str()).collect();
        let verdicts = budgets.iter().flat_map(|judged| &judged.verdicts);
        let breaches: Vec<String> = verdicts.map(decide::breach).collect();
        watched.extend(breaches.iter().map(String::as_str));
        // What cannot be judged now is still watched.
        let unjudged: Vec<String> = budgets
            .iter()
            .flat_map(|judged| &judged.missing)
            .map(|(unit, period, _)| format!("budget {unit} {period} "))
            .collect();
        let is_gone = |incident: &Incident| {
            let is_unread = if incident.id.starts_with("budget ") { no_budgets } else { no_clauses };
            incident.is_open()
                && !is_unread
                && !watched.contains(incident.id.as_str())
                && !unjudged.iter().any(|begins| incident.id.starts_with(begins))
        };
        let heir =
            |unit: &TeamId| org.heirs(unit, today).into_iter().next().map_or_else(|| unit.clone(), |heir| heir.0);
        let gone = all.iter().filter(|(_, incident)| is_gone(incident));
        let gone = gone.map(|(kept, incident)| (heir(&kept.unit), incident.clone())).collect();
        let acknowledged = all.iter().flat_map(|(kept, incident)| {
            let lately = |at: Instant| now.seconds_since(at) <= SPOKEN_OF;
            let events = kept.events.iter().enumerate();
            let seen =
                events.filter(move |(_, event)| event.step == IncidentStep::Acknowledged && lately(event.recorded_at));
            seen.map(|(ordinal, event)| Seen {
                unit: heir(&kept.unit),
                incident: incident.clone(),
                by: event.actor.clone(),
                words: event.words.clone(),
                ordinal,
            })
        });
        let acknowledged = acknowledged.collect();
        let tree = head.org.tree(today);
        let mut units = BTreeMap::new();
        let mut paths = BTreeMap::new();
        for unit in head.org.units().iter().filter(|unit| tree.span(&unit.id).is_some()) {
            let path = org.path(&unit.id, today);
            let has_lead = path.iter().any(|node| node.lead.is_some());
            let path: Vec<TeamId> = path.into_iter().map(|node| node.unit).collect();
            units.insert(unit.id.clone(), has_lead || has_channel(home, &path));
            paths.insert(unit.id.clone(), path);
        }
        let waivers = seen("waivers", waiting(home, view, budgets.as_ref(), now).await, &mut unread)?;
        Ok(State {
            snapshot: head.snapshot.clone(),
            now,
            waivers,
            open: all
                .iter()
                .map(|(kept, incident)| (incident.id.clone(), kept.state() != IncidentState::Resolved))
                .collect(),
            said: all.into_iter().map(|(_, incident)| incident).collect(),
            budgets,
            clauses,
            drift,
            forecasts,
            gone,
            acknowledged,
            of_clauses,
            unread,
            company: company(&tree),
            units,
            paths,
            approved: BTreeSet::new(),
            stopped: home.book.stopped().await.map_err(problem)?.is_some(),
        })
    }

    /// What was judged, for another turn of the same view and time.
    pub(crate) fn invariants(self) -> Invariants {
        let unread = self.unread.into_iter().filter(|blind| matches!(blind.what, "budgets" | "contracts")).collect();
        Invariants { budgets: self.budgets, clauses: self.clauses, unread }
    }

    /// Hands all of it to who decides; `done` are keys of receipts.
    pub(crate) fn inputs<T>(&self, done: &BTreeSet<String>, ask: impl FnOnce(&Inputs<'_>) -> T) -> T {
        let verdicts = self.budgets.iter().flat_map(|judged| &judged.verdicts);
        let by_id: BTreeMap<&str, &Incident> = self.said.iter().map(|said| (said.id.as_str(), said)).collect();
        let budgets: Vec<Judged<'_>> = verdicts
            .map(|verdict| Judged { verdict, said: by_id.get(decide::breach(verdict).as_str()).copied() })
            .collect();
        let clauses: Vec<Watched<'_>> = self
            .clauses
            .iter()
            .zip(&self.of_clauses)
            .filter_map(|(state, said)| {
                let contract: &Contract = &state.contract;
                Some(Watched { contract, clause: state.clause(), history: state.history.as_ref()?, said })
            })
            .collect();
        let waivers: Vec<Pending<'_>> = self
            .waivers
            .iter()
            .map(|waiting| Pending { waiver: &waiting.waiver, over: waiting.over, approvers: &waiting.approvers })
            .collect();
        let gone: Vec<(&TeamId, &Incident)> = self.gone.iter().map(|(unit, incident)| (unit, incident)).collect();
        let drift: Vec<Drifted<'_>> = self
            .drift
            .iter()
            .map(|found| Drifted {
                unit: &found.unit,
                series: &found.series,
                alert: &found.alert,
                currency: &found.currency,
                drivers: &found.drivers,
            })
            .collect();
        let forecasts: Vec<Frozen<'_>> = self
            .forecasts
            .iter()
            .map(|due| Frozen { unit: &due.unit, series: &due.subject, origin: due.forecast.origin })
            .collect();
        let acknowledged: Vec<Acknowledged<'_>> = self
            .acknowledged
            .iter()
            .map(|Seen { unit, incident, by, words, ordinal }| Acknowledged {
                unit,
                incident,
                by,
                words,
                ordinal: *ordinal,
            })
            .collect();
        let unread: Vec<Unread<'_>> =
            self.unread.iter().map(|blind| Unread { what: blind.what, problem: &blind.problem }).collect();
        ask(&Inputs {
            snapshot: &self.snapshot_text(),
            now: self.now,
            budgets: &budgets,
            gone: &gone,
            acknowledged: &acknowledged,
            clauses: &clauses,
            waivers: &waivers,
            answer_within: ANSWER_WITHIN,
            drift: &drift,
            forecasts: &forecasts,
            unread: &unread,
            company: self.company.as_ref(),
            done,
        })
    }

    /// Asks something of the world that a plan would be performed in.
    pub(crate) fn checked<T>(&self, done: &BTreeSet<String>, ask: impl FnOnce(&World<'_>) -> T) -> T {
        ask(&World {
            snapshot: &self.snapshot_text(),
            now: self.now,
            kill_switch: self.stopped,
            units: &self.units,
            done,
            incidents: &self.open,
            approved: &self.approved,
        })
    }

    /// Who is told of what concerns nobody else: the company.
    pub(crate) fn company(&self) -> Option<&TeamId> {
        self.company.as_ref()
    }

    /// Somebody has approved what a plan wants.
    pub(crate) fn approve(&mut self, wanted: Digest) {
        self.approved.insert(wanted);
    }

    /// The snapshot as plans name it.
    fn snapshot_text(&self) -> String {
        self.snapshot.as_ref().map_or_else(|| "none".to_owned(), |snapshot| snapshot.id.to_string())
    }

    /// The units from the company down to a unit, today.
    pub(crate) fn path(&self, unit: &TeamId) -> &[TeamId] {
        self.paths.get(unit).map_or(&[], Vec::as_slice)
    }

    /// How many budgets are in a state.
    pub(crate) fn budgets_in(&self, state: BudgetState) -> usize {
        self.budgets.iter().flat_map(|judged| &judged.verdicts).filter(|verdict| verdict.state == state).count()
    }

    /// How many waivers wait for an answer.
    pub(crate) fn open_waivers(&self) -> usize {
        self.waivers.iter().filter(|waiting| waiting.waiver.status(waiting.over, self.now).is_open()).count()
    }
}

/// Budgets that hold, and those of periods that ended lately.
async fn judged(home: &Home, view: &View, now: Instant) -> Result<Option<budget::Judged>, Failure> {
    let budgets = budget::in_force(view.head())?;
    if budgets.list.is_empty() || view.head().scopes.is_empty() {
        return Ok(None);
    }
    let known_until = view.through().plus(1);
    let first = now.day().plus(-LOOK_BACK).min(known_until.plus(-1));
    let asked = budget::Asked { period: Period::new(first, known_until), unit: None, under: None };
    let allowances = budget::allowances(home).await?;
    budget::judge(home, view, &budgets, &asked, &allowances, now).await.map(Some)
}

/// Waivers that wait, hold, or to which something happened lately.
async fn waiting(
    home: &Home,
    view: &View,
    judged: Option<&budget::Judged>,
    now: Instant,
) -> Result<Vec<Waiting>, Failure> {
    let all = home.book.waivers(&WaiverFilter::default()).await.map_err(problem)?;
    let mut waiting = Vec::new();
    for kept in all {
        let last = kept.events.iter().map(|event| event.at).max().unwrap_or(kept.asked.asked_at);
        let lasts = matches!(kept.state(), WaiverState::Asked | WaiverState::Granted);
        if !lasts && now.seconds_since(last) > SPOKEN_OF {
            continue;
        }
        let of = |verdict: &&leap_decide::budget::Verdict| {
            let (line, asked) = (&verdict.line, &kept.asked);
            (&line.unit, line.period, &line.currency) == (&asked.unit, asked.period, &asked.currency)
        };
        let verdict = judged.and_then(|judged| judged.verdicts.iter().find(of));
        waiting.push(Waiting {
            waiver: waivers::decided(&kept)?,
            over: verdict.map(|verdict| verdict.actual - verdict.line.amount),
            approvers: waivers::approvers(home, view, &kept).await?,
        });
    }
    Ok(waiting)
}

/// Departures that somebody is told of: cost more by what would use up a budget's tolerance, lately.
async fn telling(home: &Home, view: &View, now: Instant, ahead: Result<Ahead, Failure>) -> Result<Vec<Found>, Failure> {
    let found = drift::found_from(home, view, ahead?).await?;
    let until = view.through().plus(1);
    let Some(days) = Period::new(until.plus(-DAYS), until).filter(|_| !found.is_empty()) else { return Ok(Vec::new()) };
    let words = Words {
        by: "team",
        filter: None,
        under: None,
        period: days,
        cost: CostKind::Effective,
        basis: Basis::Incurred,
    };
    let (rows, _) = by_words(home, view, &words).await?;
    let mut costs = BTreeMap::<(&str, &Currency), Money>::new();
    for row in &rows {
        if let [Some(unit)] = row.values.as_slice() {
            *costs.entry((unit.as_str(), &row.currency)).or_default() += row.amount;
        }
    }
    let bps = home.settings.drift.told_bps;
    let is_told = |found: &Found| {
        let lately = now.seconds_since(Instant::start_of(found.alert.day)) <= SPOKEN_OF;
        let cost = costs.get(&(found.unit.as_str(), &found.currency)).copied().unwrap_or_default();
        // A month of 30 days against 28 of them: cost · 10,000 · 28 ≥ all · bps · 30.
        let month = Ratio::whole(cost).times(bps).times(MONTH);
        let part =
            Ratio::whole(found.alert.cost_per_month).times(leap_decide::budget::PER_WHOLE).times(DAYS.unsigned_abs());
        lately && found.alert.cost_per_month > Money::ZERO && part >= month
    };
    Ok(found.into_iter().filter(is_told).collect())
}

/// True where a channel gets messages of all kinds of a unit, which stands at the end of this path.
fn has_channel(home: &Home, path: &[TeamId]) -> bool {
    home.settings.channels.iter().filter(|channel| channel.kinds.is_none()).any(|channel| {
        channel
            .units
            .as_ref()
            .is_none_or(|units| path.iter().any(|unit| units.iter().any(|of| of.get_ref() == unit.as_str())))
    })
}
