//! `leap charter`: spend in money, in basis points of business volume and in engineers, against the period before and last
//! year; the same for the pages of the site.
//!
//! ```text
//! $ leap charter --period 2026-09
//! 2026-09: 41.62 bps of payment_volume, +3.10 bps since 2026-08: cost +2.40, business volume +0.70
//! measure           unit                     2026-09         2026-08          change   2025-09  change
//! business volume   USD payment_volume  1,004,812,000.00  …
//! spend             USD effective           4,182,046.38  3,870,112.10   +311,934.28
//! spend per volume  bps                            41.62         38.52         +3.10
//! engineers         25,000.00 USD/month            167.3         154.8         +12.5
//! ```
//! A quotient is of days that both of its sides have, and says which these are where they are not all of the period; what is
//! not whole is compared with nothing. The arithmetic is `leap_orient::charter`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use leap_orient::charter::{BpsChange, Metric, Months, Ratio, bps, engineers};
use leap_orient::currency::Wide;
use leap_orient::reading::spend::{Basis, SpendRow};
use leap_terms::{Currency, Exact, Money, Period, TeamId};
use serde_json::json;

use crate::bridge::against;
use crate::cli::{CharterArgs, OutputFormat};
use crate::convert;
use crate::explain::basis;
use crate::failure::Failure;
use crate::home::{Access, CharterSettings, Home};
use crate::output::{Answer, Cell, emit, print_json};
use crate::spend::{self, Words, previous, unit_named};
use crate::view::View;
use crate::world::{World, published};

/// Decimals of basis points as shown.
pub(crate) const BPS_DECIMALS: u32 = 2;
/// Decimals of engineers as shown.
pub(crate) const ENGINEER_DECIMALS: u32 = 1;

/// A figure, or why there is none.
pub(crate) type Told<T> = Result<T, String>;

/// A metric of business volume, in its currency.
#[derive(Clone, Debug)]
pub(crate) struct Of {
    pub(crate) name: String,
    pub(crate) currency: Currency,
    pub(crate) values: Metric,
}

/// What spend can be measured by besides money, in a world and by the settings.
#[derive(Clone, Debug)]
pub(crate) struct Measures {
    pub(crate) volume: Told<Of>,
    /// Loaded cost of an engineer and month, and its currency.
    pub(crate) engineer: Told<(Exact, Currency)>,
    /// From the first to the last day of any charge.
    charged: Option<Period>,
}

/// Spend of a period in each measure.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) period: Period,
    pub(crate) cost: Money,
    /// True where there are charges of all its days: only such periods are compared.
    pub(crate) whole: bool,
    /// Business volume of those of its days that have a value.
    pub(crate) volume: Told<Exact>,
    pub(crate) bps: Told<Bps>,
    pub(crate) engineers: Told<Staff>,
}

/// Spend in basis points of business volume.
#[derive(Clone, Debug)]
pub(crate) struct Bps {
    /// The days that have both charges and volume.
    pub(crate) days: Period,
    /// Cost of these days, in the currency of volume.
    pub(crate) cost: Wide,
    pub(crate) volume: Exact,
    pub(crate) ratio: Ratio,
}

/// Spend in engineers.
#[derive(Clone, Debug)]
pub(crate) struct Staff {
    /// Cost, in the currency of the loaded cost, times the denominator of the months.
    pub(crate) over: Wide,
    /// Loaded cost of the months, times their denominator.
    pub(crate) under: Wide,
    pub(crate) days: Period,
    pub(crate) ratio: Ratio,
}

/// Cost of some days in a currency; why there is none where it lacks a rate.
pub(crate) type CostIn<'a, E> = dyn FnMut(Period, &Currency) -> Result<Told<Wide>, E> + 'a;

impl Measures {
    /// What there is to measure by.
    pub(crate) fn of(settings: &CharterSettings, world: &World) -> Result<Measures, Failure> {
        let volume = crate::volume::in_force(world)?;
        let names: Vec<&str> = volume.metrics().map(|(name, _)| name).collect();
        let money: Vec<&str> =
            volume.metrics().filter(|(_, metric)| metric.currency.is_some()).map(|(name, _)| name).collect();
        let chosen = match (&settings.volume, names.as_slice(), money.as_slice()) {
            (Some(name), ..) if volume.metric(name).is_none() => Err(format!(
                "leap.toml names the metric {name} in [charter] volume, and there is no business volume of it: leap ingest \
                 volume.csv"
            )),
            (Some(name), ..) => Ok(name.as_str()),
            (None, [], _) => {
                Err("there is no business volume yet: leap ingest volume.csv (date,metric,value)".to_owned())
            }
            (None, [one], _) | (None, _, [one]) => Ok(*one),
            (None, many, _) => Err(format!(
                "there are several metrics of business volume ({}): say which counts in leap.toml, [charter] volume = \"{}\"",
                many.join(", "),
                many[0]
            )),
        };
        let of = chosen.and_then(|name| {
            let values = volume.metric(name).cloned().unwrap_or_default();
            let currency = values.currency.clone().or_else(|| settings.volume_currency.clone());
            let currency = currency.ok_or_else(|| {
                format!(
                    "{name} has no currency, so that spend has no basis points of it: add the column currency to its file, or \
                     [charter] volume_currency in leap.toml"
                )
            })?;
            Ok(Of { name: name.to_owned(), currency, values })
        });
        let engineer = match settings.engineer_month {
            Some(month) if month > Exact::ZERO => {
                let usd = || Currency::new("USD").expect("USD is a currency");
                Ok((month, settings.engineer_currency.clone().unwrap_or_else(usd)))
            }
            Some(month) => {
                return Err(Failure::usage(format!(
                    "leap.toml: [charter] engineer_month is {month}; write what an engineer costs in a month, above zero"
                )));
            }
            None => {
                Err("leap.toml does not say what an engineer costs in a month: [charter] engineer_month".to_owned())
            }
        };
        let days = world.scopes.iter().map(|scope| (scope.facts.first_day, scope.facts.last_day));
        let days = days.reduce(|(a, b), (c, d)| (a.min(c), b.max(d)));
        let charged = days.and_then(|(first, last)| Period::new(first, last.plus(1)));
        Ok(Measures { volume: of, engineer, charged })
    }

    /// True where there are charges of all days of a period.
    pub(crate) fn is_whole(&self, period: Period) -> bool {
        self.charged.and_then(|charged| charged.intersection(period)) == Some(period)
    }

    /// The days of a period that have charges; a billing period is not cut.
    fn charged(&self, period: Period, basis: Basis) -> Told<Period> {
        match basis {
            Basis::Invoiced => Ok(period),
            Basis::Incurred => self
                .charged
                .and_then(|charged| charged.intersection(period))
                .ok_or_else(|| format!("there are no charges in {period}")),
        }
    }

    /// The days of a period that have charges and business volume.
    pub(crate) fn days(&self, period: Period, basis: Basis) -> Told<Period> {
        let of = self.volume.as_ref().map_err(Clone::clone)?;
        let over = of.values.over(period);
        let span = over.span.ok_or_else(|| format!("{} has no value in {period}", of.name))?;
        if let Some(hole) = over.hole {
            return Err(format!("{} has no value of {hole}: take it in, as 0 where there was none", of.name));
        }
        let days = self
            .charged(period, basis)?
            .intersection(span)
            .ok_or_else(|| format!("{} is known of {span}, and charges are of other days of {period}", of.name))?;
        if basis == Basis::Invoiced && days != period {
            return Err(format!("{} is known of {days}, and what was invoiced in {period} cannot be cut", of.name));
        }
        Ok(days)
    }

    /// Spend of a period, whose cost is in a currency, in each measure. `cost_in` is asked where days or currency differ.
    pub(crate) fn read<E>(
        &self,
        (period, basis): (Period, Basis),
        (cost, currency): (Money, &Currency),
        cost_in: &mut CostIn<'_, E>,
    ) -> Result<Reading, E> {
        let mut cost_of = |days: Period, to: &Currency| -> Result<Told<Wide>, E> {
            if days == period && to == currency { Ok(Ok(Wide::from(cost))) } else { cost_in(days, to) }
        };
        let bps = match (&self.volume, self.days(period, basis)) {
            (Ok(of), Ok(days)) => cost_of(days, &of.currency)?.and_then(|cost| {
                let volume = of.values.over(days).total;
                let ratio = bps(&cost, volume).ok_or_else(|| format!("{} is 0 in {days}", of.name))?;
                Ok(Bps { days, cost, volume, ratio })
            }),
            (Err(why), _) => Err(why.clone()),
            (_, Err(why)) => Err(why),
        };
        let engineers = match (&self.engineer, self.charged(period, basis)) {
            (Ok((month, to)), Ok(days)) => cost_of(days, to)?.and_then(|cost| {
                let months = Months::of(days);
                let ratio = engineers(&cost, *month, months);
                let ratio = ratio.ok_or_else(|| "an engineer costs nothing".to_owned())?;
                let under = Wide::from(*month).repeated(months.over);
                Ok(Staff { over: cost.repeated(months.under), under, days, ratio })
            }),
            (Err(why), _) => Err(why.clone()),
            (_, Err(why)) => Err(why),
        };
        let volume = self.volume.as_ref().map_err(Clone::clone).and_then(|of| {
            let over = of.values.over(period);
            over.span.map(|_| over.total).ok_or_else(|| format!("{} has no value in {period}", of.name))
        });
        Ok(Reading { period, cost, whole: self.is_whole(period), volume, bps, engineers })
    }

    /// What spend cannot be measured by in this home, and what to do about it.
    pub(crate) fn missing(&self) -> Vec<String> {
        let volume = self.volume.as_ref().err().map(|why| format!("no bps: {why}"));
        let engineer = self.engineer.as_ref().err().map(|why| format!("no engineers: {why}"));
        volume.into_iter().chain(engineer).collect()
    }

    /// What a reader of figures should know: which of them are not there, and of which days they are.
    pub(crate) fn notes(&self, readings: &[&Reading]) -> Vec<String> {
        let mut notes = BTreeSet::new();
        for reading in readings {
            match (&self.volume, &reading.bps) {
                (Ok(of), Ok(bps)) if bps.days != reading.period => {
                    let known = of.values.over(reading.period).span.map(|span| span.until().plus(-1));
                    let last = bps.days.until().plus(-1);
                    let why = match known {
                        Some(known) if known == last => format!("business volume is known to {known}"),
                        Some(known) => format!("business volume is known to {known}, charges to {last}"),
                        None => String::new(),
                    };
                    notes.insert(format!("bps of {} are of {} only: {why}", reading.period, bps.days));
                }
                (Ok(_), Err(why)) => {
                    notes.insert(format!("no bps of {}: {why}", reading.period));
                }
                (Ok(_), Ok(_)) | (Err(_), _) => {}
            }
            if let (Ok(_), Err(why)) = (&self.engineer, &reading.engineers) {
                notes.insert(format!("no engineers of {}: {why}", reading.period));
            }
        }
        notes.into_iter().collect()
    }
}

impl Bps {
    /// As shown.
    pub(crate) fn shown(&self) -> Option<String> {
        Some(fixed(self.ratio.rounded(BPS_DECIMALS)?, BPS_DECIMALS))
    }
}

impl Staff {
    /// As shown.
    pub(crate) fn shown(&self) -> Option<String> {
        Some(fixed(self.ratio.rounded(ENGINEER_DECIMALS)?, ENGINEER_DECIMALS))
    }
}

impl Reading {
    /// What changed of basis points since an earlier reading: none where either of the two is not of whole periods.
    pub(crate) fn bps_since(&self, before: &Reading) -> Option<BpsChange> {
        let (now, then) = (self.bps.as_ref().ok()?, before.bps.as_ref().ok()?);
        let whole = |reading: &Reading, bps: &Bps| reading.whole && bps.days == reading.period;
        (whole(self, now) && whole(before, then))
            .then(|| BpsChange::between((&then.cost, then.volume), (&now.cost, now.volume)))?
    }

    /// The same of engineers.
    pub(crate) fn engineers_since(&self, before: &Reading) -> Option<Exact> {
        let (now, then) = (self.engineers.as_ref().ok()?, before.engineers.as_ref().ok()?);
        (self.whole && before.whole).then(|| now.ratio.minus(&then.ratio).rounded(ENGINEER_DECIMALS))?
    }

    /// The same of money.
    pub(crate) fn cost_since(&self, before: &Reading) -> Option<Money> {
        (self.whole && before.whole).then(|| self.cost - before.cost)
    }

    /// The same of business volume, where its values are of both periods whole.
    pub(crate) fn volume_since(&self, before: &Reading, measures: &Measures) -> Option<Exact> {
        let of = measures.volume.as_ref().ok()?;
        let whole = |period: Period| {
            let over = of.values.over(period);
            over.span == Some(period) && over.hole.is_none()
        };
        (whole(self.period) && whole(before.period)).then(|| {
            let total = |reading: &Reading| reading.volume.clone().unwrap_or_default();
            total(self) - total(before)
        })
    }
}

/// A change of basis points as shown: what cost did, what volume did, and all of it. The second takes what rounding leaves, so
/// that what is shown adds up.
pub(crate) fn parts(change: &BpsChange) -> Option<[Exact; 3]> {
    let (cost, total) = (change.cost.rounded(BPS_DECIMALS)?, change.total.rounded(BPS_DECIMALS)?);
    Some([cost, total - cost, total])
}

/// What causes of a change of cost did to basis points, measured by the volume of before: largest first, adding up to what
/// cost did as shown. The largest takes what rounding leaves; what shows as nothing is left out.
pub(crate) fn caused<C: Copy>(change: &BpsChange, causes: &[(C, Money)], volume: Exact) -> Option<Vec<(C, Exact)>> {
    let [cost, ..] = parts(change)?;
    let mut shown = Vec::new();
    for (cause, amount) in causes {
        shown.push((*cause, bps(&Wide::from(*amount), volume)?.rounded(BPS_DECIMALS)?));
    }
    shown.sort_by_key(|(_, part)| std::cmp::Reverse(part.abs()));
    let sum: Exact = shown.iter().map(|(_, part)| *part).sum();
    shown.first_mut()?.1 += cost - sum;
    shown.retain(|(_, part)| !part.is_zero());
    Some(shown)
}

/// `+3.10 bps since 2026-08: cost +2.40 (usage +2.60, mix -0.20), business volume +0.70.`, with what cost is made of in
/// brackets where that is known.
pub(crate) fn sentence(
    change: &BpsChange,
    before: Period,
    causes: &[(&str, Exact)],
    text: impl Fn(Exact) -> String,
) -> Option<String> {
    let [cost, volume, total] = parts(change)?;
    let causes: Vec<String> = causes.iter().map(|(word, part)| format!("{word} {}", text(*part))).collect();
    let causes = if causes.is_empty() { String::new() } else { format!(" ({})", causes.join(", ")) };
    Some(format!("{} bps since {before}: cost {}{causes}, business volume {}.", text(total), text(cost), text(volume)))
}

/// With so many decimals, a dot, and no grouping.
pub(crate) fn fixed(amount: Exact, decimals: u32) -> String {
    amount.to_grouped(decimals).replace(',', "")
}

/// The same with its sign, and grouped.
pub(crate) fn signed(amount: Exact, decimals: u32) -> String {
    let sign = if amount > Exact::ZERO { "+" } else { "" };
    format!("{sign}{}", amount.to_grouped(decimals))
}

/// Adds up rows of billing periods in one currency by the rates of each month.
pub(crate) fn converted(table: &convert::Table, rows: &[SpendRow], to: &Currency) -> Told<Wide> {
    let converted = convert::converted(table, rows.to_vec(), to).map_err(|failure| failure.message)?;
    Ok(converted.total.total)
}

/// What is asked.
struct Question {
    under: Option<TeamId>,
    basis: Basis,
    /// Now, before, and a year ago.
    periods: [Period; 3],
}

/// Answers and prints.
pub(crate) async fn run(root: &Path, args: &CharterArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let view = View::open(&home, &args.reading).await?;
    let basis = basis(args.basis);
    let period = args.period.map_or_else(|| view.head().last_period(basis), Ok)?;
    let under = args.under.as_deref().map(|name| unit_named(&view, name)).transpose()?;
    let before = previous(period);
    let year = against(Some("year"), period).unwrap_or(before);
    let question = Question { under, basis, periods: [period, before, year] };
    for one in [period, before, year] {
        view.warn_pending(one, basis, &published(&home))?;
    }
    let measures = Measures::of(&home.settings.charter, view.head())?;
    let rates = convert::rates(&view)?;
    let rows = spent(&home, &view, args, &question, &measures).await?;
    let mut currencies: BTreeSet<Currency> =
        question.periods.iter().flat_map(|period| &rows[period]).map(|row| row.currency.clone()).collect();
    if let Some(to) = &args.currency {
        currencies = BTreeSet::from([to.clone()]);
    }
    if currencies.is_empty() {
        return Err(Failure::failed(format!("there is no such cost in {period}, nor in {before}, nor in {year}")));
    }
    let mut told = Vec::new();
    for currency in currencies {
        let own = |period: Period| -> Vec<SpendRow> {
            let all = rows.get(&period).map_or(&[][..], Vec::as_slice);
            all.iter().filter(|row| args.currency.is_some() || row.currency == currency).cloned().collect()
        };
        let mut readings = Vec::new();
        for period in question.periods {
            let cost = match &args.currency {
                None => own(period).iter().map(|row| row.amount).sum(),
                Some(to) => {
                    let total = convert::converted(&rates, own(period), to)?.total.total;
                    total.rounded().ok_or_else(|| Failure::failed("the total is too large"))?
                }
            };
            let mut cost_in = |days: Period, to: &Currency| Ok::<_, Failure>(self::converted(&rates, &own(days), to));
            readings.push(measures.read((period, basis), (cost, &currency), &mut cost_in)?);
        }
        told.push((currency, readings));
    }
    print(args, &view, &measures, &question, &told)
}

/// Cost by billing period of every span of days that is needed.
async fn spent(
    home: &Home,
    view: &View,
    args: &CharterArgs,
    question: &Question,
    measures: &Measures,
) -> Result<BTreeMap<Period, Vec<SpendRow>>, Failure> {
    let mut wanted = BTreeSet::new();
    for period in question.periods {
        wanted.insert(period);
        wanted.extend(measures.days(period, question.basis));
        wanted.extend(measures.charged(period, question.basis));
    }
    let mut rows = BTreeMap::new();
    for period in wanted {
        let words = Words {
            by: "billing_period",
            filter: None,
            under: question.under.as_ref(),
            period,
            cost: args.cost,
            basis: question.basis,
        };
        rows.insert(period, spend::by_words(home, view, &words).await?.0);
    }
    Ok(rows)
}

/// A line of the answer: measure, unit, and now, before, change, last year, change.
fn line(measure: &str, unit: String, values: [Cell; 5]) -> Vec<Cell> {
    let mut cells = vec![Cell::text(measure), Cell::text(unit)];
    cells.extend(values);
    cells
}

fn print(
    args: &CharterArgs,
    view: &View,
    measures: &Measures,
    question: &Question,
    told: &[(Currency, Vec<Reading>)],
) -> Result<(), Failure> {
    let [period, before, year] = question.periods;
    let who = question.under.as_ref().map_or("all", TeamId::as_str);
    let columns = ["measure", "unit", "amount", "previous", "change", "last year", "change of a year"];
    let mut answer =
        Answer::new(format!("{who}: {period}, against {before} and {year} ({} cost)", args.cost), &columns);
    let amount = |amount: Option<Exact>| amount.map_or(Cell::Empty, Cell::Amount);
    let text = |text: Option<String>| text.map_or(Cell::Empty, Cell::text);
    let mut sentences = Vec::new();
    let mut changes = Vec::new();
    let mut notes: BTreeSet<String> = measures.missing().into_iter().collect();
    for (at, (currency, readings)) in told.iter().enumerate() {
        let [now, then, last] = &readings[..] else { continue };
        if let (0, Ok(of)) = (at, &measures.volume) {
            answer.rows.push(line(
                "business volume",
                format!("{} {}", of.currency, of.name),
                [
                    amount(now.volume.clone().ok()),
                    amount(then.volume.clone().ok()),
                    amount(now.volume_since(then, measures)),
                    amount(last.volume.clone().ok()),
                    amount(now.volume_since(last, measures)),
                ],
            ));
        }
        answer.rows.push(line(
            "spend",
            format!("{currency} {}", args.cost),
            [
                Cell::Amount(now.cost),
                Cell::Amount(then.cost),
                amount(now.cost_since(then)),
                Cell::Amount(last.cost),
                amount(now.cost_since(last)),
            ],
        ));
        if measures.volume.is_ok() {
            let shown = |reading: &Reading| text(reading.bps.as_ref().ok().and_then(Bps::shown));
            let since = |earlier: &Reading| {
                let change = now.bps_since(earlier).and_then(|change| change.total.rounded(BPS_DECIMALS));
                text(change.map(|change| fixed(change, BPS_DECIMALS)))
            };
            answer.rows.push(line(
                "spend per business volume",
                format!("bps ({currency})"),
                [shown(now), shown(then), since(then), shown(last), since(last)],
            ));
        }
        if let Ok((month, of)) = &measures.engineer {
            let shown = |reading: &Reading| text(reading.engineers.as_ref().ok().and_then(Staff::shown));
            let since =
                |earlier: &Reading| text(now.engineers_since(earlier).map(|change| fixed(change, ENGINEER_DECIMALS)));
            let unit = format!("engineers of {} {of} a month ({currency})", month.to_grouped(0));
            answer.rows.push(line("engineers", unit, [shown(now), shown(then), since(then), shown(last), since(last)]));
        }
        for earlier in [then, last] {
            let Some(change) = now.bps_since(earlier) else { continue };
            let said = sentence(&change, earlier.period, &[], |amount| signed(amount, BPS_DECIMALS));
            let (Some([cost, volume, total]), Some(said)) = (parts(&change), said) else { continue };
            sentences.push(format!("{currency}: {said}"));
            let fixed = |amount| fixed(amount, BPS_DECIMALS);
            changes.push(json!({
                "currency": currency.as_str(), "since": earlier.period.to_string(),
                "cost": fixed(cost), "volume": fixed(volume), "total": fixed(total),
            }));
            if year == before {
                break;
            }
        }
        if !now.whole {
            notes.insert(format!("{period} has no charges of some days and is compared with nothing"));
        }
        notes.extend(measures.notes(&[now, then, last]));
    }
    match args.format.format {
        OutputFormat::Json => print_json(&json!({
            "snapshot": view.head().digest_text(),
            "period": period.to_string(),
            "previous": before.to_string(),
            "year": year.to_string(),
            "under": question.under.as_ref().map(TeamId::as_str),
            "cost": args.cost.to_string(),
            "volume": measures.volume.as_ref().ok().map(|of| of.name.as_str()),
            "rows": answer.json_rows(),
            "bps_changes": changes,
            "notes": notes,
        })),
        format => {
            answer.print(format)?;
            if format == OutputFormat::Table {
                for said in &sentences {
                    emit(&format!("{said}\n"))?;
                }
            }
            for note in notes {
                eprintln!("{note}");
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str) -> Wide {
        Wide::from(text.parse::<Exact>().unwrap())
    }

    fn change(before: (&str, &str), now: (&str, &str)) -> BpsChange {
        let volume = |text: &str| text.parse::<Exact>().unwrap();
        BpsChange::between((&wide(before.0), volume(before.1)), (&wide(now.0), volume(now.1))).unwrap()
    }

    #[test]
    fn what_is_shown_of_a_change_adds_up() {
        let told = change(("100", "30000"), ("110", "29000"));
        let [cost, volume, total] = parts(&told).unwrap();
        assert_eq!(cost + volume, total);
        assert_eq!(
            sentence(&told, "2026-08".parse().unwrap(), &[], |amount| signed(amount, 2)).unwrap(),
            "+4.60 bps since 2026-08: cost +3.33, business volume +1.27."
        );
        for (a, b, c, d) in [("1", "3", "2", "7"), ("-5", "11", "5", "13"), ("0", "1", "0", "9"), ("7", "9", "7", "9")]
        {
            let [cost, volume, total] = parts(&change((a, b), (c, d))).unwrap();
            assert_eq!(cost + volume, total, "{a}/{b} → {c}/{d}");
        }
    }

    #[test]
    fn causes_of_cost_add_up_to_what_cost_did_as_shown() {
        let money = |text: &str| text.parse::<Money>().unwrap();
        let told = change(("100", "30000"), ("110", "29000"));
        let causes = [("mix", money("-0.005")), ("usage", money("3.335")), ("price", money("6.67"))];
        let caused = caused(&told, &causes, money("30000")).unwrap();
        assert_eq!(caused.iter().map(|(_, part)| *part).sum::<Exact>(), parts(&told).unwrap()[0]);
        assert_eq!(
            sentence(&told, "2026-08".parse().unwrap(), &caused, |amount| signed(amount, 2)).unwrap(),
            "+4.60 bps since 2026-08: cost +3.33 (price +2.22, usage +1.11), business volume +1.27."
        );
        assert_eq!(super::caused::<&str>(&told, &[], money("30000")), None);
    }

    #[test]
    fn figures_have_their_decimals() {
        assert_eq!(fixed("1234.5".parse().unwrap(), 2), "1234.50");
        assert_eq!(signed("1234.5".parse().unwrap(), 1), "+1,234.5");
        assert_eq!(signed("-0.1".parse().unwrap(), 1), "-0.1");
        assert_eq!(signed(Exact::ZERO, 2), "0.00");
    }
}
