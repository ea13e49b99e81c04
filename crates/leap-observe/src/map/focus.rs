//! FOCUS 1.0 to 1.4: columns keep their names, spellings become one.
//!
//! ```text
//! 1.0: ProviderName AWS                  → ServiceProviderName AWS, HostProviderName AWS too
//! Id (no FOCUS column)                   → x_Id
//! ContractedCost NULL                    → 0, reported
//! ```
//! Identities between the costs are not checked here: the published reference sample breaks them, so validation
//! reports and does not refuse (FOCUS-Sample-Data, FOCUS-1.0/focus_sample.csv).

use leap_terms::cost::{COST_WHOLE_DIGITS, QUANTITY_WHOLE_DIGITS};
use leap_terms::focus::{CHARGE_CATEGORIES, COLUMNS, ColumnType, FocusVersion, mandatory};
use leap_terms::{CostKind, Costs, Day, Exact, Instant, Month};

use super::cell::{self, Quirk};
use super::columns::{Cell, Typed};
use super::notes::Notes;
use super::sheet::{COSTS, RowFault, Sheet, at};
use super::{MapOptions, Outcome, RowIn, month_bounds, names};
use crate::decode::Detected;
use crate::decode::rows::write_record;
use crate::error::IntakeError;

const TAGS: usize = at("Tags");
const ALLOCATED_TAGS: usize = at("AllocatedTags");
const CURRENCY: usize = at("BillingCurrency");
const CATEGORY: usize = at("ChargeCategory");
const PERIOD_START: usize = at("BillingPeriodStart");
const PERIOD_END: usize = at("BillingPeriodEnd");
const CHARGE_START: usize = at("ChargePeriodStart");
const CHARGE_END: usize = at("ChargePeriodEnd");
const PROVIDER: usize = at("ProviderName");
const SERVICE_PROVIDER: usize = at("ServiceProviderName");
const HOST_PROVIDER: usize = at("HostProviderName");

#[derive(Clone, Copy)]
enum Target {
    Text(usize),
    Tags(usize),
    Instant(usize),
    Number(usize),
    Cost(CostKind),
    Currency,
    Category,
    Extra(usize),
}

/// How the columns of a FOCUS part are mapped.
pub(crate) struct FocusPlan {
    targets: Vec<(usize, Target)>,
    raw_names: Vec<String>,
    pub(crate) extras: Vec<String>,
    pub(crate) tallies: Vec<(String, CostKind)>,
    stray: Vec<(String, String)>,
    lacking: Vec<&'static str>,
    provider: Option<usize>,
    service_provider: Option<usize>,
    host_provider: Option<usize>,
    given: [bool; 4],
}

impl FocusPlan {
    pub(crate) fn new(detected: &Detected, file: &str) -> Result<FocusPlan, IntakeError> {
        let raw_names = detected.header.names.clone();
        let mut places: [Option<usize>; COLUMNS.len()] = [None; COLUMNS.len()];
        let mut finder = names::Finder::new(&raw_names, |name| name.trim().to_lowercase());
        for (column, place) in COLUMNS.iter().zip(&mut places) {
            let same: Vec<usize> = raw_names
                .iter()
                .enumerate()
                .filter(|(_, name)| name.trim().eq_ignore_ascii_case(column.name))
                .map(|(at, _)| at)
                .collect();
            if same.len() > 1 {
                return Err(IntakeError::ColumnTwice { file: file.to_owned(), column: column.name.to_owned() });
            }
            *place = same.first().copied();
            same.into_iter().for_each(|at| finder.mark(at));
        }
        let rest = finder.rest(&["x_UnreadableTags", "x_UnreadableAllocatedTags"]);
        let mut targets = Vec::new();
        let mut tallies = Vec::new();
        let mut given = [false; 4];
        for (column, (at, place)) in COLUMNS.iter().zip(places.iter().enumerate()) {
            let Some(place) = *place else { continue };
            let cost = COSTS.iter().position(|cost| *cost == at);
            let target = match (cost, column.column_type) {
                (Some(kind), _) => {
                    given[kind] = true;
                    tallies.push((raw_names[place].clone(), CostKind::ALL[kind]));
                    Target::Cost(CostKind::ALL[kind])
                }
                (None, ColumnType::Decimal) => Target::Number(at),
                (None, ColumnType::Instant) => Target::Instant(at),
                (None, ColumnType::Json) if at == TAGS || at == ALLOCATED_TAGS => Target::Tags(at),
                (None, ColumnType::Text) if at == CURRENCY => Target::Currency,
                (None, ColumnType::Text) if at == CATEGORY => Target::Category,
                (None, ColumnType::Text | ColumnType::Json) => Target::Text(at),
            };
            targets.push((place, target));
        }
        targets.sort_by_key(|(place, _)| *place);
        let stray = rest
            .iter()
            .filter(|(place, name)| raw_names[*place] != *name)
            .map(|(place, name)| (raw_names[*place].clone(), name.clone()))
            .collect();
        targets.extend(rest.iter().enumerate().map(|(at, (place, _))| (*place, Target::Extra(at))));
        let version = detected.focus_version.unwrap_or(FocusVersion::V1_0);
        let lacking =
            mandatory(version).map(|column| column.name).filter(|name| places[at_run_time(name)].is_none()).collect();
        // Tallies stand in the order of CostKind::ALL.
        tallies.sort_by_key(|(_, kind)| *kind);
        Ok(FocusPlan {
            targets,
            extras: rest.into_iter().map(|(_, name)| name).collect(),
            tallies,
            stray,
            lacking,
            provider: places[PROVIDER],
            service_provider: places[SERVICE_PROVIDER],
            host_provider: places[HOST_PROVIDER],
            given,
            raw_names,
        })
    }

    /// What concerns the file as a whole.
    pub(crate) fn note(&self, part: u32, notes: &mut Notes) {
        for (raw, name) in &self.stray {
            notes.of_file(part, "column that is not of FOCUS kept under an x_ name", Some(raw), Some(name.clone()));
        }
        for name in &self.lacking {
            notes.of_file(part, "mandatory FOCUS column is not in the file", Some(name), None);
        }
        if self.provider.is_some() && self.service_provider.is_none() {
            notes.of_file(
                part,
                "ServiceProviderName and HostProviderName taken from ProviderName (FOCUS before 1.3)",
                Some("ProviderName"),
                None,
            );
        }
        if self.provider.is_none() && self.service_provider.is_some() {
            notes.of_file(
                part,
                "ProviderName taken from ServiceProviderName (FOCUS 1.4)",
                Some("ServiceProviderName"),
                None,
            );
        }
        for (kind, given) in CostKind::ALL.into_iter().zip(self.given) {
            if !given {
                notes.derive(kind);
            }
        }
    }

    /// Maps a row of text cells that has begun.
    pub(crate) fn map_row(
        &self,
        row: &RowIn<'_>,
        options: &MapOptions,
        sheet: &mut Sheet,
    ) -> Result<Outcome, RowFault> {
        self.map(row.number, options, sheet, |place| Cell::Text(row.cells.get(place).copied().unwrap_or("")))
    }

    /// Maps a Parquet batch through its types.
    pub(crate) fn map_columns(&self, typed: &Typed, first_row: u64, options: &MapOptions, sheet: &mut Sheet) {
        for row in 0..typed.rows {
            let number = first_row + row as u64;
            sheet.rows_read += 1;
            sheet.begin(number);
            match self.map(number, options, sheet, |place| typed.cell(place, row)) {
                Ok(Outcome::Accepted(month)) => sheet.accept(month),
                Ok(Outcome::Dropped | Outcome::Again(_) | Outcome::Refuse(_)) => {
                    unreachable!("FOCUS rows are accepted or quarantined")
                }
                Err(fault) => {
                    sheet.abandon();
                    let cells: Vec<String> =
                        (0..self.raw_names.len()).map(|place| spell(typed.cell(place, row))).collect();
                    let mut raw = String::new();
                    write_record(cells.iter().map(String::as_str), b',', &mut raw);
                    sheet.quarantine(number, fault, raw);
                }
            }
        }
    }

    fn map<'a>(
        &self,
        number: u64,
        options: &MapOptions,
        sheet: &mut Sheet,
        cell_at: impl Fn(usize) -> Cell<'a>,
    ) -> Result<Outcome, RowFault> {
        let mut costs: [Option<Exact>; 4] = [None; 4];
        let mut currency = None;
        let mut category = false;
        let mut instants: [Option<i64>; 4] = [None; 4];
        for (place, target) in &self.targets {
            let cell = cell_at(*place);
            let text = match cell {
                Cell::Text("") => continue,
                Cell::Text(text) if text.len() == 4 && text.eq_ignore_ascii_case("null") => {
                    sheet.saw(Quirk::NullWord, *place, number, text);
                    continue;
                }
                Cell::Text(text) => text,
                Cell::Instant(..) | Cell::Number(_) => "",
            };
            let fault =
                |reason: String| RowFault { column: Some(self.raw_names[*place].clone()), value: spell(cell), reason };
            match *target {
                Target::Text(column) => match cell {
                    Cell::Text(text) => sheet.text(column, text),
                    Cell::Instant(..) | Cell::Number(_) => sheet.text(column, &spell(cell)),
                },
                Target::Extra(extra) => match cell {
                    Cell::Text(text) => sheet.extra(extra, text),
                    Cell::Instant(..) | Cell::Number(_) => sheet.extra(extra, &spell(cell)),
                },
                Target::Tags(column) => sheet.tags(column, *place, number, text),
                Target::Instant(column) => {
                    let micros = match cell {
                        Cell::Instant(micros, zoned) => {
                            if !zoned {
                                sheet.saw(Quirk::NoZone, *place, number, &spell(cell));
                            }
                            let day = Instant::from_micros(micros).day();
                            if day < Day::EARLIEST || day >= Day::NEVER {
                                return Err(fault("is a date outside 1900 to 2199".to_owned()));
                            }
                            micros
                        }
                        Cell::Number(_) => return Err(fault("is a number where a date should be".to_owned())),
                        Cell::Text(text) => {
                            sheet.read_instant(*place, number, text).map_err(|rule| fault(rule.to_owned()))?
                        }
                    };
                    sheet.instant(column, micros);
                    match column {
                        PERIOD_START => instants[0] = Some(micros),
                        PERIOD_END => instants[1] = Some(micros),
                        CHARGE_START => instants[2] = Some(micros),
                        CHARGE_END => instants[3] = Some(micros),
                        _ => {}
                    }
                }
                Target::Number(column) => {
                    let value = self.number(cell, QUANTITY_WHOLE_DIGITS, *place, number, sheet).map_err(fault)?;
                    sheet.number(column, value);
                }
                Target::Cost(kind) => {
                    costs[kind as usize] =
                        Some(self.number(cell, COST_WHOLE_DIGITS, *place, number, sheet).map_err(fault)?);
                }
                Target::Currency => currency = Some(sheet.currency(text).map_err(fault)?),
                Target::Category => {
                    category = true;
                    match CHARGE_CATEGORIES.iter().find(|known| **known == text) {
                        Some(known) => sheet.text(CATEGORY, known),
                        None => {
                            return Err(fault(
                                "is none of the charge categories Usage, Purchase, Tax, Credit, Adjustment".to_owned(),
                            ));
                        }
                    }
                }
            }
        }
        let lacking = |name: &str| RowFault::new(name, "", "is null; a charge without it has no place in any report");
        let Some(currency) = currency else { return Err(lacking("BillingCurrency")) };
        let Some(charge_start) = instants[2] else { return Err(lacking("ChargePeriodStart")) };
        if !category {
            return Err(lacking("ChargeCategory"));
        }
        sheet.set_currency(currency);
        let month = match instants[0] {
            Some(start) => Instant::from_micros(start).day().month(),
            None => {
                sheet.saw(Quirk::NoBillingPeriod, usize::MAX, number, "");
                self.fill_period(charge_start, options, sheet)
            }
        };
        if instants[0].is_some() && instants[1].is_none() {
            sheet.instant(PERIOD_END, month_bounds(month).1);
        }
        if instants[3].is_none() {
            sheet.saw(Quirk::NoChargePeriodEnd, usize::MAX, number, "");
            sheet.instant(CHARGE_END, charge_start);
        }
        self.providers(sheet, &cell_at);
        self.finish_costs(&costs, currency, number, sheet);
        Ok(Outcome::Accepted(month))
    }

    fn number(
        &self,
        cell: Cell<'_>,
        whole_digits: u32,
        place: usize,
        number: u64,
        sheet: &mut Sheet,
    ) -> Result<Exact, String> {
        match cell {
            Cell::Number(value) => {
                let bound = 10_i128.pow(whole_digits);
                if value.abs().coarse() / leap_terms::exact::COARSE_PER_WHOLE >= bound {
                    return Err(format!("is 10^{whole_digits} or more"));
                }
                Ok(value)
            }
            Cell::Instant(..) => Err("is a date where a number should be".to_owned()),
            Cell::Text(text) => {
                let (value, exponent) = cell::number(text, whole_digits).map_err(|error| error.to_string())?;
                if exponent {
                    sheet.saw(Quirk::Exponent, place, number, text);
                }
                Ok(value)
            }
        }
    }

    fn fill_period(&self, charge_start: i64, options: &MapOptions, sheet: &mut Sheet) -> Month {
        let month = options.fallback_billing_period.unwrap_or_else(|| Instant::from_micros(charge_start).day().month());
        let (start, end) = month_bounds(month);
        sheet.instant(PERIOD_START, start);
        sheet.instant(PERIOD_END, end);
        month
    }

    fn providers<'a>(&self, sheet: &mut Sheet, cell_at: &impl Fn(usize) -> Cell<'a>) {
        let text = |place: Option<usize>| match place.map(cell_at) {
            Some(Cell::Text(text)) if !(text.len() == 4 && text.eq_ignore_ascii_case("null")) => text,
            _ => "",
        };
        let (provider, service) = (text(self.provider), text(self.service_provider));
        if service.is_empty() {
            sheet.text(SERVICE_PROVIDER, provider);
        }
        if text(self.host_provider).is_empty() {
            sheet.text(HOST_PROVIDER, if provider.is_empty() { service } else { provider });
        }
        if provider.is_empty() {
            sheet.text(PROVIDER, service);
        }
    }

    /// Null costs are 0; a cost whose column is absent is derived: effective from billed, contracted from effective,
    /// list from contracted.
    fn finish_costs(&self, costs: &[Option<Exact>; 4], currency: usize, number: u64, sheet: &mut Sheet) {
        let mut all = Costs::default();
        let [billed, effective, list, contracted] = costs;
        all.billed = billed.unwrap_or_default();
        all.effective = if self.given[1] { effective.unwrap_or_default() } else { all.billed };
        all.contracted = if self.given[3] { contracted.unwrap_or_default() } else { all.effective };
        all.list = if self.given[2] { list.unwrap_or_default() } else { all.contracted };
        for (tally, (_, kind)) in self.tallies.iter().enumerate() {
            if costs[*kind as usize].is_none() {
                let place =
                    self.targets.iter().find(|(_, target)| matches!(target, Target::Cost(have) if have == kind));
                sheet.saw(Quirk::NullCost, place.map_or(usize::MAX, |(place, _)| *place), number, "");
            }
            sheet.tally(tally, currency, all[*kind], all[*kind], "");
        }
        sheet.costs(&all);
    }
}

fn at_run_time(name: &str) -> usize {
    COLUMNS.iter().position(|column| column.name == name).expect("a mandatory column is a column")
}

fn spell(cell: Cell<'_>) -> String {
    match cell {
        Cell::Text(text) => text.to_owned(),
        Cell::Instant(micros, _) => Instant::from_micros(micros).to_string(),
        Cell::Number(value) => value.to_string(),
    }
}
