//! What a question is about: the view, the period, the currency, whose cost; and the way to ask for money by words.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use leap_orient::reading::bridge::Bridge;
use leap_orient::reading::filter::Filter;
use leap_orient::reading::spend::{Basis, SpendRow};
use leap_terms::{CostKind, Currency, Day, Exact, Money, Month, Period, Reach, TeamId};
use leap_web::site::model::{Block, Frame, Tone};
use leap_web::site::{Ask, Person, Problem};
use tokio::runtime::Handle;

use super::measures::Measure;
use super::words::{address, cents, delta, period_text, short};
use super::{failed, parameter};
use crate::bridge;
use crate::charter::Measures;
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::spend::{self, Words};
use crate::view::View;

/// Years that a period may be of.
const YEARS: std::ops::RangeInclusive<i32> = 1980..=2199;
/// Months of a trend.
pub(super) const MONTHS: i32 = 13;

/// Parameters that every link carries on.
const CARRIED: [&str; 6] = ["measure", "cost", "basis", "org", "as_known_on", "pools"];
/// Parameters that are no dimension.
const OWN: [&str; 17] = [
    "period",
    "under",
    "measure",
    "cost",
    "basis",
    "by",
    "compare",
    "where",
    "org",
    "as_known_on",
    "pools",
    "top",
    "after",
    "rows",
    "chart",
    "format",
    "table",
];

type Rows = (Vec<SpendRow>, BTreeMap<Currency, Money>);

/// A view with the answers that it gave.
pub(super) struct Cached {
    /// The view.
    pub(super) view: View,
    /// No other view has had this number: with it begin the keys of what is kept of its answers.
    number: u64,
    currencies: Mutex<HashMap<bool, Vec<Currency>>>,
    proved: Mutex<Option<Proved>>,
    measures: Mutex<Option<Arc<Measures>>>,
}

/// What the proofs of a view's snapshot say.
#[derive(Clone)]
struct Proved {
    /// Σ of all differences of a currency, of the costs of one kind: 0, or something is wrong.
    differences: BTreeMap<Currency, Money>,
    /// Totals that differ.
    broken: usize,
}

/// Numbers of views.
static NUMBERS: AtomicU64 = AtomicU64::new(0);

impl Cached {
    pub(super) fn new(view: View) -> Cached {
        Cached {
            view,
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            currencies: Mutex::default(),
            proved: Mutex::default(),
            measures: Mutex::default(),
        }
    }

    /// What spend can be measured by besides money.
    fn measures(&self, home: &Home) -> Result<Arc<Measures>, Problem> {
        let mut kept = self.measures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*kept {
            return Ok(known.clone());
        }
        let made = Measures::of(&home.settings.charter, self.view.head()).map_err(|failure| failed(&failure))?;
        Ok(kept.insert(Arc::new(made)).clone())
    }
}

/// What a question is about.
#[derive(Clone)]
pub(super) struct Ground<'g> {
    pub(super) home: &'g Arc<Home>,
    pub(super) runtime: &'g Handle,
    pub(super) cached: &'g Arc<Cached>,
    pub(super) person: &'g Person,
    pub(super) ask: &'g Ask,
    /// The period in question.
    pub(super) period: Period,
    /// The period that is meant when none is named.
    pub(super) default: Period,
    pub(super) cost: CostKind,
    pub(super) basis: Basis,
    pub(super) under: Option<TeamId>,
    /// The currency in question.
    pub(super) currency: Currency,
    /// All currencies of the bills; that of most charges first.
    pub(super) currencies: Vec<Currency>,
    /// What Charter and Team show spend in.
    pub(super) measure: Measure,
    /// What there is to measure by.
    pub(super) measures: Arc<Measures>,
}

impl<'g> Ground<'g> {
    pub(super) fn new(
        home: &'g Arc<Home>,
        runtime: &'g Handle,
        cached: &'g Arc<Cached>,
        person: &'g Person,
        ask: &'g Ask,
    ) -> Result<Ground<'g>, Problem> {
        let view = &cached.view;
        let basis = match ask.get("basis") {
            None | Some("incurred") => Basis::Incurred,
            Some("invoiced") => Basis::Invoiced,
            Some(text) => return Err(parameter(ask, "basis", format!("'{text}' is none of incurred, invoiced"))),
        };
        let cost = match ask.get("cost") {
            None => CostKind::Effective,
            Some(text) => text.parse().map_err(|_| {
                parameter(ask, "cost", format!("'{text}' is none of effective, billed, contracted, list"))
            })?,
        };
        let default = complete(view, basis);
        let period = match ask.get("period") {
            None => default,
            Some(text) => text
                .parse()
                .and_then(|period: Period| {
                    let (first, last) = (period.from().ymd().0, period.until().ymd().0);
                    let known = YEARS.contains(&first) && YEARS.contains(&last);
                    known
                        .then_some(period)
                        .ok_or_else(|| format!("'{text}' lies outside of {} to {}", YEARS.start(), YEARS.end()))
                })
                .map_err(|error: String| parameter(ask, "period", error))?,
        };
        let under = match ask.get("under") {
            None => None,
            Some(name) => {
                let unit = spend::unit_named(view, name);
                if view.reach().is_everything() {
                    Some(unit.map_err(|failure| parameter(ask, "under", failure.message))?)
                } else {
                    // Who sees a part only is told the same of what is not theirs and of what does not exist.
                    let unit = unit.ok().filter(|unit| view.sees_unit(unit, period.until().plus(-1)));
                    let unknown = || parameter(ask, "under", format!("no unit that you may see is called '{name}'"));
                    Some(unit.ok_or_else(unknown)?)
                }
            }
        };
        let kept =
            cached.currencies.lock().unwrap_or_else(PoisonError::into_inner).get(&(basis == Basis::Incurred)).cloned();
        let currencies = match kept {
            Some(kept) => kept,
            None => {
                let made = currencies(home, runtime, view, basis).map_err(|failure| failed(&failure))?;
                let mut all = cached.currencies.lock().unwrap_or_else(PoisonError::into_inner);
                all.insert(basis == Basis::Incurred, made.clone());
                made
            }
        };
        let first = currencies.first().cloned().unwrap_or_else(|| Currency::new("USD").expect("USD is a currency"));
        let measures = cached.measures(home)?;
        let measure = Measure::asked(ask, &measures)?;
        let currency = match ask.get("measure").filter(|_| measure == Measure::Money) {
            None => first,
            Some(text) => match currencies.iter().find(|one| one.as_str() == text) {
                Some(one) => one.clone(),
                None => {
                    let known: Vec<&str> = currencies.iter().map(Currency::as_str).collect();
                    let known = known.join(", ");
                    let message =
                        format!("'{text}' is none of the currencies that were billed ({known}), bps, engineers");
                    return Err(parameter(ask, "measure", message));
                }
            },
        };
        Ok(Ground {
            home,
            runtime,
            cached,
            person,
            ask,
            period,
            default,
            cost,
            basis,
            under,
            currency,
            currencies,
            measure,
            measures,
        })
    }

    pub(super) fn view(&self) -> &'g View {
        &self.cached.view
    }

    /// True where the question is about the whole company, and the person sees it.
    pub(super) fn is_whole(&self) -> bool {
        self.under.is_none() && self.view().reach().is_everything()
    }

    /// The unit's name, as it is called at the end of the period.
    pub(super) fn name(&self, owner: &str) -> String {
        let day = self.period.until().plus(-1);
        let unit = TeamId::new(owner).ok().filter(|id| self.view().sees_unit(id, day));
        match unit.and_then(|id| self.view().head().org.unit(&id)) {
            Some(unit) => unit.name_on(day).to_owned(),
            None => match owner.strip_prefix("residual:") {
                None => owner.to_owned(),
                Some(why) => match why.strip_prefix("pool:") {
                    Some(pool) => format!("Pool {pool}"),
                    None => format!("Residual: {}", why.replace('-', " ")),
                },
            },
        }
    }

    /// The parameters that every link carries on, with the period.
    pub(super) fn carried(&self) -> Vec<(String, String)> {
        let mut kept = Vec::new();
        if self.period != self.default {
            kept.push(("period".to_owned(), period_text(self.period)));
        }
        kept.extend(
            self.ask
                .parameters
                .iter()
                .filter(|(name, value)| CARRIED.contains(&name.as_str()) && !value.is_empty())
                .cloned(),
        );
        kept
    }

    /// An address with the same reading, and these parameters (which replace carried ones).
    pub(super) fn to(&self, path: &[&str], more: &[(&str, &str)]) -> String {
        let mut parameters = self.carried();
        for (name, value) in more {
            parameters.retain(|(known, _)| known != name || !is_single(name));
            let is_default = *name == "period" && *value == period_text(self.default);
            if !value.is_empty() && !is_default {
                parameters.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        address(path, &parameters)
    }

    /// The charges behind a figure.
    pub(super) fn rows(&self, more: &[(&str, &str)]) -> String {
        let mut all = vec![("rows", "charges")];
        all.extend(more);
        self.to(&["explore"], &all)
    }

    /// The filter that the parameters make: every dimension that is named, and `where`.
    pub(super) fn filter(&self) -> Result<Option<String>, Problem> {
        let mut parts: Vec<String> = Vec::new();
        let mut by_name = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in self.chosen() {
            let word = match name.strip_prefix("tag.") {
                Some(key) => format!("Tags['{}']", key.replace('\'', "''")),
                None => name.strip_prefix("level.").unwrap_or(name).to_owned(),
            };
            let named =
                spend::dimensions(self.view(), &word).map_err(|failure| parameter(self.ask, name, failure.message))?;
            let field = named.first().and_then(|named| named.dimension.in_filter());
            let Some(field) = field else {
                return Err(parameter(self.ask, name, "is no dimension by which charges can be chosen; use where="));
            };
            let is = if value == NONE {
                format!("{field} IS NULL")
            } else {
                format!("{field} = '{}'", value.replace('\'', "''"))
            };
            by_name.entry(field).or_default().push(is);
        }
        for (_, any) in by_name {
            parts.push(if any.len() == 1 { any.concat() } else { format!("({})", any.join(" OR ")) });
        }
        if let Some(text) = self.ask.get("where") {
            // By itself first: what is no whole predicate could end the bracket and widen the choice.
            if let Err(fault) = Filter::parse(text, &self.view().levels()) {
                return Err(parameter(self.ask, "where", fault.to_string()));
            }
            parts.push(format!("({text})"));
        }
        Ok((!parts.is_empty()).then(|| parts.join(" AND ")))
    }

    /// The dimensions that the parameters choose, with their values.
    pub(super) fn chosen(&self) -> Vec<(&'g str, &'g str)> {
        let own = |name: &str| OWN.contains(&name) || matches!(name, "add" | "id" | "tab" | "q" | "kind" | "limit");
        let all = self.ask.parameters.iter().filter(|(name, value)| !own(name) && !value.is_empty());
        all.map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// Money by dimensions, in the currency in question: rows, largest first, and their sum.
    pub(super) fn spent(
        &self,
        by: &str,
        filter: Option<&str>,
        under: Option<&TeamId>,
        period: Period,
    ) -> Result<(Vec<SpendRow>, Money), Problem> {
        let rows = self.spent_in_all(by, filter, under, period)?;
        let (rows, totals) = &*rows;
        let own = rows.iter().filter(|row| row.currency == self.currency).cloned().collect();
        Ok((own, totals.get(&self.currency).copied().unwrap_or_default()))
    }

    /// The same in all currencies.
    pub(super) fn spent_in_all(
        &self,
        by: &str,
        filter: Option<&str>,
        under: Option<&TeamId>,
        period: Period,
    ) -> Result<Arc<Rows>, Problem> {
        let unit = under.map(TeamId::as_str).unwrap_or_default();
        let what = format!("spent|{by}|{}|{unit}|{period}", filter.unwrap_or_default());
        self.home.kept.get(&self.key(&what), || {
            let words = Words { by, filter, under, period, cost: self.cost, basis: self.basis };
            let made = self.runtime.block_on(spend::by_words(self.home, self.view(), &words));
            let made = made.map_err(|failure| match failure.exit {
                Exit::Usage => parameter(self.ask, if filter.is_some() { "where" } else { "by" }, failure.message),
                _ => failed(&failure),
            })?;
            let bytes = bytes_of(&made);
            Ok((made, bytes))
        })
    }

    /// The name of an answer: all that it depends on beside `what`. Whatever else comes to decide what a reader is told must
    /// be added here.
    pub(super) fn key(&self, what: &str) -> String {
        let basis = if self.basis == Basis::Incurred { "incurred" } else { "invoiced" };
        format!("{}|{}|{basis}|{what}", self.cached.number, self.cost)
    }

    /// Why cost changed since another period, in the currency in question.
    pub(super) fn bridge(&self, before: Period, under: Option<&TeamId>) -> Result<Split, Problem> {
        // What is compared of before is what the owners of after would have had then: not all of it was theirs to see.
        if !self.view().reach().is_everything() {
            return Ok(Split::None);
        }
        let question = bridge::Question {
            periods: [before, self.period],
            basis: self.basis,
            cost: self.cost,
            under: under.cloned(),
            reach: self.view().reach().clone(),
        };
        let problem = |failure: Failure| failed(&failure);
        if bridge::charges(self.view(), &question) > self.home.settings.serve.ready_rows
            && !bridge::is_ready(self.home, self.view(), &question)
        {
            let (home, cached) = (self.home.clone(), self.cached.clone());
            self.home.kept.begin(self.key(&format!("begun|{}|{before}", self.period)), move || {
                if let Err(failure) = bridge::compare(&home, &cached.view, &question) {
                    tracing::warn!("a change could not be split: {}", failure.message);
                }
            });
            return Ok(Split::Coming);
        }
        let unit = under.map_or("", TeamId::as_str);
        let bridges = self.home.kept.get(&self.key(&format!("bridge|{before}|{}|{unit}", self.period)), || {
            let made = bridge::compare(self.home, self.view(), &question).map_err(problem)?;
            let bytes = made.values().map(|bridge| 200 + bridge.parts.len() * 120).sum();
            Ok::<_, Problem>((made, bytes))
        })?;
        Ok(match bridges.get(&self.currency) {
            Some(bridge) => Split::Known(bridge.clone()),
            None => Split::None,
        })
    }

    /// The period before, and the same period a year ago where that is another.
    pub(super) fn compared(&self) -> [Period; 2] {
        let before = spend::previous(self.period);
        let year = crate::bridge::against(Some("year"), self.period).unwrap_or(before);
        [before, year]
    }

    /// True where there are charges of all days of a period: only such periods can be compared.
    pub(super) fn whole(&self, period: Period) -> bool {
        let (first, last) = self.days();
        first <= period.from() && period.until() <= last.plus(1)
    }

    /// The differences against the period before and a year ago, each where both are whole; else why there are none.
    pub(super) fn deltas(&self, now: Money, earlier: Money, last_year: Money) -> Vec<String> {
        let [before, year] = self.compared();
        let mut said = Vec::new();
        for (period, then) in [(before, earlier), (year, last_year)] {
            if self.whole(self.period) && self.whole(period) && !(said.len() == 1 && year == before) {
                said.push(delta(then, now, &period_text(period)));
            }
        }
        if said.is_empty() {
            let (first, last) = self.days();
            said.push(format!("not compared: there are charges from {first} to {last}"));
        }
        said
    }

    /// `, invoiced in` or ` in`: how the period is read, before it.
    pub(super) fn read_as(&self) -> &'static str {
        match self.basis {
            Basis::Incurred => "",
            Basis::Invoiced => "invoiced in ",
        }
    }

    /// The months of a trend: the last of them ends the period.
    pub(super) fn trend(&self) -> Period {
        let last = self.period.until().plus(-1).month();
        let first = last.plus(1 - MONTHS);
        Period::new(first.first_day(), last.period().until()).unwrap_or(self.period)
    }

    /// True where a line of a split is of a period.
    pub(super) fn covers(&self, period: Period, day: Day, billing: Month) -> bool {
        match self.basis {
            Basis::Incurred => period.contains(day),
            Basis::Invoiced => period.contains(billing.first_day()),
        }
    }

    /// The first and last day of any charge.
    pub(super) fn days(&self) -> (Day, Day) {
        let days = self.view().head().scopes.iter().map(|scope| (scope.facts.first_day, scope.facts.last_day));
        days.fold((Day::NEVER, Day::EARLIEST), |(a, b), (c, d)| (a.min(c), b.max(d)))
    }

    /// What is around the page.
    pub(super) fn frame(&self, current: &'static str) -> Result<Frame, Problem> {
        let head = self.view().head();
        let day = self.period.until().plus(-1);
        let roots = head.org.tree(day);
        let root = roots.roots().first().map(|root| (*root).clone());
        let unit = match self.view().reach() {
            Reach::Everything => self.under.clone().or(root),
            Reach::Under(units) => self.under.clone().or_else(|| units.first().cloned()),
        };
        let sees_all = self.view().reach().is_everything();
        let empty = head.scopes.is_empty();
        let mut periods = Vec::new();
        if !empty {
            let last = self.default.until().plus(-1).month();
            let newest = self.days().1.month();
            periods.push(self.default.to_string());
            let months = (0..MONTHS).map(|back| last.plus(-back));
            periods.extend(std::iter::once(newest).chain(months).map(|month| month.to_string()));
            periods.push(last.ym().0.to_string());
            let mut seen = std::collections::HashSet::new();
            periods.retain(|one| seen.insert(one.clone()));
        }
        let residual = if empty || !sees_all { Exact::ZERO } else { self.residual()? };
        Ok(Frame {
            unit: unit.as_ref().map_or_else(|| "Everybody".to_owned(), |unit| self.name(unit.as_str())),
            periods: periods.into_iter().map(|period| (period.clone(), period)).collect(),
            period: period_text(self.period),
            measures: super::measures::offered(self, current),
            measure: super::measures::chosen(self, current),
            through: if empty { String::new() } else { self.view().through().to_string() },
            shut: super::routes::shut(&self.person.rights),
            unexplained: if sees_all {
                format!("{} {}", cents(self.unexplained()?), self.currency)
            } else {
                String::new()
            },
            broken: self.broken()?,
            current,
            team: unit.map_or_else(String::new, |unit| self.to(&["team", unit.as_str()], &[])),
            residual: if residual.is_zero() { String::new() } else { thousands(residual) },
            snapshot: head
                .snapshot
                .as_ref()
                .map_or_else(Default::default, |snapshot| (snapshot.digest.to_string(), seconds(snapshot.recorded_at))),
            reading: self.reading(),
            hidden: self.hidden(),
            carried: match self.carried() {
                none if none.is_empty() => String::new(),
                some => format!("?{}", leap_web::site::query(&some)),
            },
            path: address(&self.ask.path, &[]),
        })
    }

    /// Parameters of this page that its forms keep, but for the period and the measure.
    fn hidden(&self) -> Vec<(String, String)> {
        let own = |name: &str| matches!(name, "period" | "measure" | "after" | "format" | "table");
        self.ask.parameters.iter().filter(|(name, value)| !own(name) && !value.is_empty()).cloned().collect()
    }

    fn reading(&self) -> String {
        let known = self.ask.get("as_known_on").map_or_else(|| "today".to_owned(), |day| format!("on {day}"));
        let org = match self.ask.get("org") {
            None | Some("as-was") => "org as it was".to_owned(),
            Some("as-is") => "org as it is".to_owned(),
            Some(day) => format!("org of {day}"),
        };
        let pools = if self.ask.get("pools") == Some("kept") { ", pools kept" } else { "" };
        format!("Read as known {known}, {org}{pools}")
    }

    /// What the proofs of the snapshot leave unexplained, in the currency and kind of cost in question: 0, or something is
    /// wrong.
    pub(super) fn unexplained(&self) -> Result<Money, Problem> {
        Ok(self.proved()?.differences.get(&self.currency).copied().unwrap_or_default())
    }

    pub(super) fn broken(&self) -> Result<Option<String>, Problem> {
        let broken = self.proved()?.broken;
        Ok((broken > 0).then(|| {
            format!("The proof does not hold: {broken} totals differ. Figures are withheld; leap verify says more.")
        }))
    }

    fn proved(&self) -> Result<Proved, Problem> {
        if let Some(known) = self.cached.proved.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(known);
        }
        let mut proved = Proved { differences: BTreeMap::new(), broken: 0 };
        if let Some(snapshot) = &self.view().head().snapshot {
            let proofs = self.runtime.block_on(self.home.book.proofs(snapshot.id));
            for proof in proofs.map_err(|error| failed(&Failure::from_error(&error)))? {
                let difference = proof.attributed - proof.accepted;
                proved.broken += usize::from(!difference.is_zero());
                if proof.cost == CostKind::Effective {
                    *proved.differences.entry(proof.currency).or_default() += difference;
                }
            }
        }
        *self.cached.proved.lock().unwrap_or_else(PoisonError::into_inner) = Some(proved.clone());
        Ok(proved)
    }

    /// What no team owns in the period.
    pub(super) fn residual(&self) -> Result<Money, Problem> {
        let (rows, _) = self.spent("team", None, None, self.period)?;
        Ok(rows.iter().filter(|row| is_residual(row)).map(|row| row.amount).sum())
    }
}

/// Why cost changed, as far as it is known.
pub(super) enum Split {
    Known(Bridge),
    /// There is no such cost.
    None,
    /// Charges are being read for it, in the background.
    Coming,
}

impl Split {
    pub(super) fn known(&self) -> Option<&Bridge> {
        match self {
            Split::Known(bridge) => Some(bridge),
            Split::None | Split::Coming => None,
        }
    }

    /// What a page says while it is not known yet.
    pub(super) fn notice(&self) -> Option<Block> {
        matches!(self, Split::Coming).then(|| {
            let words = "Why it changed is being worked out from the charges; look again in a minute.";
            Block::Notice(Tone::Info, words.to_owned(), None)
        })
    }
}

/// Memory of an answer, about.
fn bytes_of((rows, _): &Rows) -> usize {
    let texts = |row: &SpendRow| row.values.iter().flatten().map(|text| text.len() + 16).sum::<usize>();
    rows.iter().map(|row| size_of::<SpendRow>() + row.values.len() * size_of::<Option<String>>() + texts(row)).sum()
}

/// The value of a dimension that a charge does not have, in addresses.
pub(super) const NONE: &str = "(none)";

/// True for a row of owners that is no team's.
pub(super) fn is_residual(row: &SpendRow) -> bool {
    row.values.first().and_then(Option::as_deref).is_some_and(|owner| owner.starts_with("residual:"))
}

/// True for parameters that a page has once; dimensions may stand there several times.
fn is_single(name: &str) -> bool {
    OWN.contains(&name)
}

/// A time to the second: `2026-11-27T02:15:22Z`.
pub(super) fn seconds(at: leap_terms::Instant) -> String {
    let text = at.to_string();
    text.split_once('.').map_or(text.clone(), |(whole, _)| format!("{whole}Z"))
}

/// `41 k`.
fn thousands(amount: Money) -> String {
    let thousand = Exact::from_whole(1000);
    if amount.abs() < thousand {
        return short(amount);
    }
    let grouped = amount.to_grouped(0);
    let cut = grouped.len().saturating_sub(4);
    format!("{} k", grouped[..cut].replace('-', "\u{2212}"))
}

/// The last month of which every source has its last day; else the last month with charges.
fn complete(view: &View, basis: Basis) -> Period {
    let Ok(last) = view.head().last_period(basis) else {
        return Month::new(2026, 1).expect("January 2026 is a month").period();
    };
    let through = view.through();
    let month = through.plus(1).month().plus(-1);
    let has = view
        .head()
        .scopes
        .iter()
        .any(|scope| scope.facts.first_day < month.period().until() && month.first_day() <= scope.facts.last_day);
    if has && month.period() < last { month.period() } else { last }
}

/// The currencies of the last period with charges, that of most rows first; then those of all time.
fn currencies(home: &Home, runtime: &Handle, view: &View, basis: Basis) -> Result<Vec<Currency>, Failure> {
    let Ok(last) = view.head().last_period(basis) else { return Ok(Vec::new()) };
    let mut all = Vec::<Currency>::new();
    for period in [last, Period::ALWAYS] {
        let words = Words { by: "source", filter: None, under: None, period, cost: CostKind::Effective, basis };
        let found: Result<Rows, Failure> = runtime.block_on(spend::by_words(home, view, &words));
        let mut rows = BTreeMap::<Currency, u64>::new();
        for row in found?.0 {
            *rows.entry(row.currency).or_default() += row.rows;
        }
        let mut rows: Vec<(Currency, u64)> = rows.into_iter().collect();
        rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        all.extend(rows.into_iter().map(|(currency, _)| currency).filter(|one| !all.contains(one)).collect::<Vec<_>>());
    }
    Ok(all)
}
