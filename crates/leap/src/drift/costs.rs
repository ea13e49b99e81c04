//! What there is to watch: effective cost by team, service and day, in one pass over packs.
//!
//! ```text
//! payments/Amazon EC2, USD   2026-09-01 120.40 · 2026-09-02 131.10 …
//! ```
//! A charge belongs to the team that owned it on its day, and is shown by whoever stands for that team in the org of the
//! newest day, so that a renamed or merged team has one history. Credits are not in it: they come at once for days that
//! are long over. Nor is cost that no team owns, and what pools share out: pools would move all their users at once.

use std::collections::HashMap;

use leap_orient::org::{OrgReading, Reader};
use leap_orient::reading::spend::Basis;
use leap_terms::{CostKind, Currency, Day, Digest, Exact, Owner, Period, TeamId};

use crate::failure::Failure;
use crate::home::Home;
use crate::packs;
use crate::spend::{self, Words};
use crate::view::View;
use crate::world::published;

/// What is watched by itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Key {
    pub(super) unit: TeamId,
    pub(super) service: String,
    pub(super) currency: Currency,
}

/// A service that a charge does not name.
pub(crate) const NO_SERVICE: &str = "(none)";

impl Key {
    /// `payments/Amazon EC2`.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.unit, self.service)
    }

    /// A number that is the same in every process.
    pub(super) fn number(&self) -> u64 {
        number(&format!("{}\n{}\n{}", self.unit, self.service, self.currency))
    }
}

/// A number for a text that is the same in every process.
pub(super) fn number(text: &str) -> u64 {
    let bytes = Digest::of(text.as_bytes()).bytes();
    bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The bit of a source among those of a series; two sources may share one.
pub(super) fn bit(source: &str) -> u64 {
    1 << (number(source) % 64)
}

/// One series.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Line {
    pub(super) key: Key,
    /// Bits of the sources that bill it.
    pub(super) sources: u64,
    /// By day, from the first day of [`Costs`] on.
    pub(super) costs: Vec<Exact>,
}

/// Series over some days.
pub(super) struct Costs {
    pub(super) days: Period,
    pub(super) lines: Vec<Line>,
}

/// Lines while they are read.
struct Reading<'r> {
    days: Period,
    wanted: &'r dyn Fn(&Key) -> bool,
    services: HashMap<String, u32>,
    units: HashMap<TeamId, u32>,
    places: HashMap<(u32, u32, Currency), Option<usize>>,
    lines: Vec<Line>,
}

/// A day's cost of somebody.
struct DayCost<'d> {
    unit: &'d TeamId,
    service: &'d str,
    currency: &'d Currency,
    source: u64,
    day: Day,
    amount: Exact,
}

impl Reading<'_> {
    fn add(&mut self, one: &DayCost<'_>) {
        let next = self.units.len() as u32;
        let unit = match self.units.get(one.unit) {
            Some(unit) => *unit,
            None => *self.units.entry(one.unit.clone()).or_insert(next),
        };
        let next = self.services.len() as u32;
        let service = match self.services.get(one.service) {
            Some(service) => *service,
            None => *self.services.entry(one.service.to_owned()).or_insert(next),
        };
        let length = (self.days.until().days() - self.days.from().days()) as usize;
        let (wanted, lines) = (self.wanted, &mut self.lines);
        let place = self.places.entry((unit, service, one.currency.clone())).or_insert_with(|| {
            let (unit, service) = (one.unit.clone(), one.service.to_owned());
            let key = Key { unit, service, currency: one.currency.clone() };
            wanted(&key).then(|| {
                lines.push(Line { key, sources: 0, costs: vec![Exact::ZERO; length] });
                lines.len() - 1
            })
        });
        let Some(place) = *place else { return };
        let line = &mut self.lines[place];
        line.sources |= one.source;
        line.costs[(one.day.days() - self.days.from().days()) as usize] += one.amount;
    }
}

/// Reads the series of some days that are wanted, through the org of a day.
pub(super) async fn read(
    home: &Home,
    view: &View,
    days: Period,
    tree: Day,
    wanted: &dyn Fn(&Key) -> bool,
) -> Result<Costs, Failure> {
    let mut reading = Reading {
        days,
        wanted,
        services: HashMap::new(),
        units: HashMap::new(),
        places: HashMap::new(),
        lines: Vec::new(),
    };
    let reader = Reader::new(&view.head().org, OrgReading::At(tree));
    if !from_packs(home, view, &reader, &mut reading)? {
        reading.places.clear();
        reading.lines.clear();
        from_rows(home, view, &reader, &mut reading).await?;
    }
    let mut lines = reading.lines;
    lines.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(Costs { days, lines })
}

/// False where a slice has too many cells for a pack.
fn from_packs(home: &Home, view: &View, reader: &Reader<'_>, reading: &mut Reading<'_>) -> Result<bool, Failure> {
    let open = published(home);
    for (_, slice) in view.sliced() {
        if !Basis::Incurred.may_cover(reading.days, &slice.scope, slice.first_day, slice.last_day) {
            continue;
        }
        let Some(pack) = packs::pack(home, slice, CostKind::Effective, &open)? else { return Ok(false) };
        let source = bit(slice.scope.source.as_str());
        let days = reading.days;
        // An owner's days come one after the other.
        let mut last: Option<(Owner, TeamId)> = None;
        pack.by_column("ServiceName", Some(("ChargeCategory", "Credit")), |cell| {
            let Owner::Team(team) = cell.owner else { return };
            if !days.contains(cell.day) {
                return;
            }
            if last.as_ref().is_none_or(|(owner, _)| owner != cell.owner) {
                last = Some((cell.owner.clone(), reader.place(team, cell.day).unit.clone()));
            }
            let Some((_, unit)) = &last else { return };
            let service = cell.value.unwrap_or(NO_SERVICE);
            let (currency, day, amount) = (cell.currency, cell.day, cell.amount);
            reading.add(&DayCost { unit, service, currency, source, day, amount });
        });
    }
    Ok(true)
}

/// The same from rows of `leap spend`.
async fn from_rows(home: &Home, view: &View, reader: &Reader<'_>, reading: &mut Reading<'_>) -> Result<(), Failure> {
    let words = Words {
        by: "team,service,source,pool,day",
        filter: Some("ChargeCategory IS NULL OR ChargeCategory <> 'Credit'"),
        under: None,
        period: reading.days,
        cost: CostKind::Effective,
        basis: Basis::Incurred,
    };
    let (rows, _) = spend::by_words(home, view, &words).await?;
    for row in &rows {
        let [Some(owner), service, source, None, Some(day)] = row.values.as_slice() else { continue };
        let (Ok(team), Ok(day)) = (TeamId::new(owner), day.parse::<Day>()) else { continue };
        let place = reader.place(&team, day);
        reading.add(&DayCost {
            unit: &place.unit,
            service: service.as_deref().unwrap_or(NO_SERVICE),
            currency: &row.currency,
            source: bit(source.as_deref().unwrap_or_default()),
            day,
            amount: row.amount,
        });
    }
    Ok(())
}
