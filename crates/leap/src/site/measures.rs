//! Spend in money, in basis points of business volume and in engineers, on Charter and Team: one table of all, and the
//! headline in the one that was chosen (`measure=`). The figures are those of `leap charter`.

use leap_orient::currency::Wide;
use leap_orient::reading::bridge::{Bridge, Cause};
use leap_terms::{Currency, Exact, Money, Period, TeamId};
use leap_web::site::model::{Block, Cell, Chart, Column, Figure, Row, Table, Tone};
use leap_web::site::{Ask, Problem};

use super::ground::Ground;
use super::words::{self, amount, capital, period_text};
use super::{failed, parameter};
use crate::charter::{
    self, BPS_DECIMALS, Bps, ENGINEER_DECIMALS, Measures, Reading, Staff, Told, fixed, sentence, signed,
};

/// What spend is shown in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Measure {
    /// A currency.
    Money,
    /// Basis points of business volume.
    Bps,
    /// Engineers by their loaded cost.
    Engineers,
}

impl Measure {
    /// What an address asks for; what there is nothing to measure by is no choice.
    pub(super) fn asked(ask: &Ask, measures: &Measures) -> Result<Measure, Problem> {
        let told = |there: Result<(), &String>, measure| match there {
            Ok(()) => Ok(measure),
            Err(why) => Err(parameter(ask, "measure", why.clone())),
        };
        match ask.get("measure") {
            Some("bps") => told(measures.volume.as_ref().map(|_| ()), Measure::Bps),
            Some("engineers") => told(measures.engineer.as_ref().map(|_| ()), Measure::Engineers),
            _ => Ok(Measure::Money),
        }
    }

    fn word(self, currency: &Currency) -> &str {
        match self {
            Measure::Money => currency.as_str(),
            Measure::Bps => "bps",
            Measure::Engineers => "engineers",
        }
    }
}

/// True for the pages that show spend in any measure.
fn has_measures(current: &str) -> bool {
    matches!(current, "charter" | "team")
}

/// The choices of a page; the first is the default.
pub(super) fn offered(ground: &Ground, current: &str) -> Vec<String> {
    let mut all: Vec<String> = ground.currencies.iter().map(|one| one.as_str().to_owned()).collect();
    if has_measures(current) {
        all.extend(ground.measures.volume.is_ok().then(|| "bps".to_owned()));
        all.extend(ground.measures.engineer.is_ok().then(|| "engineers".to_owned()));
    }
    all
}

/// The one in force.
pub(super) fn chosen(ground: &Ground, current: &str) -> String {
    let measure = if has_measures(current) { ground.measure } else { Measure::Money };
    measure.word(&ground.currency).to_owned()
}

/// Spend of a period in each measure.
pub(super) fn read(ground: &Ground, under: Option<&TeamId>, period: Period, cost: Money) -> Result<Reading, Problem> {
    let mut cost_in = |days: Period, to: &Currency| cost_in(ground, under, days, to);
    ground.measures.read((period, ground.basis), (cost, &ground.currency), &mut cost_in)
}

/// Cost of some days, in the currency in question, converted into another one by the rates of each month.
fn cost_in(ground: &Ground, under: Option<&TeamId>, days: Period, to: &Currency) -> Result<Told<Wide>, Problem> {
    if *to == ground.currency {
        return Ok(Ok(Wide::from(ground.spent("team", None, under, days)?.1)));
    }
    let (rows, _) = ground.spent("billing_period", None, under, days)?;
    let rates = crate::convert::rates(ground.view()).map_err(|failure| failed(&failure))?;
    Ok(charter::converted(&rates, &rows, to))
}

/// Spend of a page's period, of the one before and of the same a year ago, in each measure.
pub(super) struct Measured<'m> {
    ground: &'m Ground<'m>,
    under: Option<&'m TeamId>,
    now: Reading,
    before: Reading,
    year: Reading,
}

impl<'m> Measured<'m> {
    /// Of periods with their costs: now, before, a year ago.
    pub(super) fn of(
        ground: &'m Ground<'m>,
        under: Option<&'m TeamId>,
        [now, before, year]: [(Period, Money); 3],
    ) -> Result<Measured<'m>, Problem> {
        let read = |(period, cost)| read(ground, under, period, cost);
        Ok(Measured { ground, under, now: read(now)?, before: read(before)?, year: read(year)? })
    }

    /// Where a figure of a period leads: `volume`, `engineers`.
    fn to(&self, page: &str, period: Period) -> String {
        let text = period_text(period);
        let mut all: Vec<(&str, &str)> = self.under.iter().map(|unit| ("under", unit.as_str())).collect();
        all.push(("period", &text));
        self.ground.to(&[page], &all)
    }

    fn bps(&self, reading: &Reading) -> Option<Figure> {
        let shown = reading.bps.as_ref().ok().and_then(Bps::shown)?;
        Some(quotient(&shown, self.to("volume", reading.period)))
    }

    fn engineers(&self, reading: &Reading) -> Option<Figure> {
        let shown = reading.engineers.as_ref().ok().and_then(Staff::shown)?;
        Some(quotient(&shown, self.to("engineers", reading.period)))
    }

    /// What changed of basis points, in words, with the causes of what cost did where cost is not converted; nothing where it
    /// is not known.
    fn sentence(&self, bridge: Option<&Bridge>) -> Option<String> {
        let change = self.now.bps_since(&self.before)?;
        let of = self.ground.measures.volume.as_ref().ok()?;
        let before = self.before.bps.as_ref().ok()?.volume;
        let own = |bridge: &&Bridge| {
            of.currency == self.ground.currency && bridge.change() == self.now.cost - self.before.cost
        };
        let causes = bridge.filter(own).and_then(|bridge| {
            let causes = Cause::ALL.map(|cause| (cause.word(), bridge.total(cause)));
            charter::caused(&change, &causes, before)
        });
        let text = |amount: Exact| with_sign(amount, BPS_DECIMALS);
        sentence(&change, self.before.period, &causes.unwrap_or_default(), text)
    }

    /// The headline in basis points or engineers; `None` for money, and where there is no such figure.
    pub(super) fn headline(&self, why: &str, bridge: Option<&Bridge>) -> Option<Block> {
        let ground = self.ground;
        let against = |change: Option<String>, earlier: &Reading| {
            change.map(|change| format!("{change} against {}", period_text(earlier.period)))
        };
        let once = self.before.period == self.year.period;
        let earlier: &[&Reading] = if once { &[&self.before] } else { &[&self.before, &self.year] };
        match ground.measure {
            Measure::Money => None,
            Measure::Bps => {
                let of = ground.measures.volume.as_ref().ok()?;
                let change = |earlier: &Reading| {
                    let total = self.now.bps_since(earlier)?.total.rounded(BPS_DECIMALS)?;
                    Some(with_sign(total, BPS_DECIMALS))
                };
                Some(Block::Headline {
                    figure: self.bps(&self.now)?,
                    unit: format!("bps of {} ({} {})", of.name, ground.currency, ground.cost.word()),
                    delta: earlier.iter().filter_map(|one| against(change(one), one)).collect(),
                    say: self.sentence(bridge).unwrap_or_default(),
                })
            }
            Measure::Engineers => {
                let (month, currency) = ground.measures.engineer.as_ref().ok()?;
                let change = |earlier: &Reading| Some(with_sign(self.now.engineers_since(earlier)?, ENGINEER_DECIMALS));
                Some(Block::Headline {
                    figure: self.engineers(&self.now)?,
                    unit: format!("engineers of {} {currency} a month", month.to_grouped(0)),
                    delta: earlier.iter().filter_map(|one| against(change(one), one)).collect(),
                    say: why.to_owned(),
                })
            }
        }
    }

    /// All measures in one table, with the sentence and with what a reader should know of the days; on the page of a team only
    /// where there is something besides money.
    pub(super) fn of_team(&self, bridge: Option<&Bridge>) -> Option<Block> {
        let measures = &self.ground.measures;
        (measures.volume.is_ok() || measures.engineer.is_ok()).then(|| self.block(bridge, Vec::new()))
    }

    /// The same, with what is missing.
    pub(super) fn of_all(&self, bridge: Option<&Bridge>) -> Block {
        self.block(bridge, self.ground.measures.missing())
    }

    fn block(&self, bridge: Option<&Bridge>, missing: Vec<String>) -> Block {
        let ground = self.ground;
        let [now, before, year] = [&self.now, &self.before, &self.year];
        let mut rows = vec![self.money()];
        if let Ok(of) = &ground.measures.volume {
            let cell = |reading: &Reading| match &reading.volume {
                Ok(total) => amount(*total, self.to("volume", reading.period)),
                Err(_) => Cell::None,
            };
            let since = |earlier: &Reading| match now.volume_since(earlier, &ground.measures) {
                Some(change) => words::change(change),
                None => Cell::None,
            };
            rows.push(line(
                "Business volume",
                format!("{} {}", of.currency, of.name),
                [cell(now), cell(before), since(before), cell(year), since(year)],
            ));
            let cell = |reading| self.bps(reading).map_or(Cell::None, |figure| Cell::Ratio(figure, "bps"));
            let since = |earlier: &Reading| {
                let change = now.bps_since(earlier).and_then(|change| change.total.rounded(BPS_DECIMALS));
                change.map_or(Cell::None, |change| number(change, BPS_DECIMALS))
            };
            rows.push(line(
                "Spend per business volume",
                "bps".to_owned(),
                [cell(now), cell(before), since(before), cell(year), since(year)],
            ));
        }
        if let Ok((month, currency)) = &ground.measures.engineer {
            let cell = |reading| self.engineers(reading).map_or(Cell::None, |figure| Cell::Ratio(figure, "engineers"));
            let since = |earlier: &Reading| {
                let change = now.engineers_since(earlier);
                change.map_or(Cell::None, |change| number(change, ENGINEER_DECIMALS))
            };
            rows.push(line(
                "Spend in engineers",
                format!("of {} {currency} a month", month.to_grouped(0)),
                [cell(now), cell(before), since(before), cell(year), since(year)],
            ));
        }
        let table = Table {
            id: "t-measures".to_owned(),
            caption: format!("{} cost in each measure, {}", capital(ground.cost.word()), period_text(now.period)),
            columns: vec![
                Column::text("Measure"),
                Column::text("Unit"),
                Column::figure(period_text(now.period)),
                Column::figure(period_text(before.period)),
                Column::figure("Change"),
                Column::figure(format!("{}, a year before", period_text(year.period))),
                Column::figure("Change of a year"),
            ],
            rows,
            ..Table::default()
        };
        let mut blocks = vec![Block::Table(table)];
        for note in ground.measures.notes(&[now, before, year]).into_iter().chain(missing) {
            blocks.push(Block::Notice(Tone::Info, format!("{}.", capital(&note)), None));
        }
        Block::Section {
            title: "Against the business".to_owned(),
            say: self.sentence(bridge).unwrap_or_default(),
            blocks,
        }
    }

    fn money(&self) -> Row {
        let (ground, now) = (self.ground, &self.now);
        let cell = |reading: &Reading| {
            let text = period_text(reading.period);
            let mut all: Vec<(&str, &str)> = self.under.iter().map(|unit| ("under", unit.as_str())).collect();
            all.push(("period", &text));
            match reading.cost.is_zero() {
                true if !reading.whole => Cell::None,
                true => Cell::Number("0".to_owned(), "0".to_owned()),
                false => amount(reading.cost, ground.rows(&all)),
            }
        };
        let since = |earlier: &Reading| now.cost_since(earlier).map_or(Cell::None, words::change);
        line(
            "Spend",
            format!("{} {}", ground.currency, ground.cost.word()),
            [cell(now), cell(&self.before), since(&self.before), cell(&self.year), since(&self.year)],
        )
    }

    /// A column of a table of parts of this spend: its head, and its cell for a part. `None` where parts could not be told:
    /// where only some days have volume, or where another currency would have to be converted.
    pub(super) fn column(&self) -> Option<(&'static str, impl Fn(Money) -> Cell + use<>)> {
        let ground = self.ground;
        let quotient: Box<dyn Fn(Money) -> Option<(Exact, u32)>> = if ground.measure == Measure::Engineers {
            let (month, currency) = ground.measures.engineer.as_ref().ok()?;
            let (month, days) = (*month, self.now.engineers.as_ref().ok()?.days);
            if *currency != ground.currency || days != self.now.period {
                return None;
            }
            let months = leap_orient::charter::Months::of(days);
            Box::new(move |part| {
                let ratio = leap_orient::charter::engineers(&Wide::from(part), month, months)?;
                Some((ratio.rounded(ENGINEER_DECIMALS)?, ENGINEER_DECIMALS))
            })
        } else {
            let of = ground.measures.volume.as_ref().ok()?;
            let bps = self.now.bps.as_ref().ok()?;
            if of.currency != ground.currency || bps.days != self.now.period {
                return None;
            }
            let volume = bps.volume;
            Box::new(move |part| {
                let ratio = leap_orient::charter::bps(&Wide::from(part), volume)?;
                Some((ratio.rounded(BPS_DECIMALS)?, BPS_DECIMALS))
            })
        };
        let name = if ground.measure == Measure::Engineers { "Engineers" } else { "bps" };
        let cell = move |part: Money| match quotient(part) {
            None => Cell::None,
            Some((value, decimals)) => {
                let shown = value.to_grouped(decimals).replace('-', "\u{2212}");
                Cell::Number(fixed(value, decimals), shown)
            }
        };
        Some((name, cell))
    }

    /// The months of a trend, each with its cost, in the measure in question; `None` for money.
    pub(super) fn trend(&self, months: &[(String, Money)]) -> Result<Option<Block>, Problem> {
        let ground = self.ground;
        let (unit, what) = match ground.measure {
            Measure::Money => return Ok(None),
            Measure::Bps => ("bps", "Spend in basis points of business volume"),
            Measure::Engineers => ("engineers", "Spend in engineers"),
        };
        let mut rows = Vec::new();
        for (month, cost) in months {
            let Ok(period) = month.parse::<Period>() else { continue };
            let mut cost_in = |days: Period, to: &Currency| match *to == ground.currency {
                // A month of which only some days are known is no point of a line.
                true => Ok(Err(String::new())),
                false => cost_in(ground, self.under, days, to),
            };
            let reading = ground.measures.read((period, ground.basis), (*cost, &ground.currency), &mut cost_in)?;
            let whole = reading.whole && reading.bps.as_ref().map_or(true, |bps| bps.days == period);
            let figure = match ground.measure {
                Measure::Engineers => self.engineers(&reading).filter(|_| reading.whole),
                Measure::Bps | Measure::Money => self.bps(&reading).filter(|_| whole),
            };
            rows.push(Row::new(vec![
                Cell::Text(month.clone()),
                figure.map_or(Cell::None, |figure| Cell::Ratio(figure, unit)),
            ]));
        }
        let table = Table {
            id: "t-trend".to_owned(),
            caption: format!("{what} by month"),
            unit: unit.to_owned(),
            columns: vec![Column::text("Month"), Column::figure(unit)],
            rows,
            ..Table::default()
        };
        let chart = Chart {
            kind: "line",
            title: format!("{} months", super::ground::MONTHS),
            say: format!("{what} of each month up to {}, of months that are whole.", ground.period),
            size: "s",
            target: None,
            flags: "",
        };
        Ok(Some(Block::Chart(chart, table)))
    }
}

fn line(name: &str, unit: String, cells: [Cell; 5]) -> Row {
    let mut all = vec![Cell::Text(name.to_owned()), Cell::Text(unit)];
    all.extend(cells);
    Row::new(all)
}

/// A quotient as shown, exact as far as it is shown.
fn quotient(shown: &str, href: String) -> Figure {
    let value: Exact = shown.parse().unwrap_or_default();
    let decimals = shown.rsplit_once('.').map_or(0, |(_, rest)| rest.len());
    let grouped = value.to_grouped(u32::try_from(decimals).unwrap_or_default());
    Figure { exact: shown.to_owned(), shown: grouped.replace('-', "\u{2212}"), href }
}

fn number(value: Exact, decimals: u32) -> Cell {
    Cell::Number(fixed(value, decimals), with_sign(value, decimals))
}

/// With its sign, as people read it.
fn with_sign(value: Exact, decimals: u32) -> String {
    signed(value, decimals).replace('-', "\u{2212}")
}
