//! Business volume: what the business did on each day, by metric, as a person's file says it.
//!
//! ```csv
//! date,metric,value,currency
//! 2026-09-01,payment_volume,33120455.20,USD
//! 2026-09-01,orders,812004,
//! ```
//! A value is exact; a day has one value of a metric. A later file replaces the values of its days and leaves all others.
//! A metric has one currency, or none where it counts things: a file that does not name it leaves what is known. A day
//! without a value is not a day with 0: who had no business on a day says so.

use std::collections::{BTreeMap, BTreeSet};

use leap_terms::{Currency, Day, Exact, Fault, Month, Period};

use crate::table::{Place, Table};

/// Digits before the point: years of days of such values still add up.
const WHOLE_DIGITS: u32 = 15;
/// Letters of a metric's name.
const NAME: usize = 64;
/// The file that lists the metrics, in the book.
const METRICS: &str = "metrics.csv";
/// The columns that tell such a file from others.
const COLUMNS: [&str; 3] = ["date", "metric", "value"];
/// What the header may be.
const HEADER: &str = "the header is date,metric,value, with currency behind it where a metric is money";

/// What the business did, by metric and day.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Volume {
    metrics: BTreeMap<String, Metric>,
}

/// One metric.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Metric {
    /// Its currency; `None` where nobody named one.
    pub currency: Option<Currency>,
    days: BTreeMap<Day, Exact>,
}

/// A metric over a period.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Over {
    /// The sum of its values.
    pub total: Exact,
    /// Days of the period that have a value.
    pub days: usize,
    /// From the first to the last of them; `None` where there is none.
    pub span: Option<Period>,
    /// The first day between these two that has no value.
    pub hole: Option<Day>,
}

/// A value that a file brings or replaces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VolumeChange {
    /// The metric.
    pub metric: String,
    /// The day.
    pub day: Day,
    /// The value until now; `None` where there was none.
    pub before: Option<Exact>,
    /// The value from now on.
    pub after: Exact,
}

impl Metric {
    /// The values of a period, by day.
    pub fn within(&self, period: Period) -> impl Iterator<Item = (Day, Exact)> {
        self.days.range(period.from()..period.until()).map(|(day, value)| (*day, *value))
    }

    /// Their sum, and which days it is of.
    pub fn over(&self, period: Period) -> Over {
        let mut over = Over { total: Exact::ZERO, days: 0, span: None, hole: None };
        for (day, value) in self.within(period) {
            over.total += value;
            over.days += 1;
            let from = over.span.map_or(day, |span| {
                if span.until() < day && over.hole.is_none() {
                    over.hole = Some(span.until());
                }
                span.from()
            });
            over.span = Period::new(from, day.plus(1));
        }
        over
    }

    /// From its first to its last day; `None` without any.
    pub fn span(&self) -> Option<Period> {
        let (first, last) = (self.days.keys().next()?, self.days.keys().next_back()?);
        Period::new(*first, last.plus(1))
    }
}

impl Volume {
    /// True where a file begins like one of business volume: its header names date, metric and value.
    pub fn is_in(start: &[u8]) -> bool {
        let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
        let line = start.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
        let Ok(line) = std::str::from_utf8(line) else { return false };
        let names: Vec<&str> = line.split(',').map(|name| name.trim().trim_matches('"').trim()).collect();
        COLUMNS.iter().all(|column| names.iter().any(|name| name.eq_ignore_ascii_case(column)))
    }

    /// Reads a file of a person.
    ///
    /// # Errors
    /// Every fault with file, row and column: no day, no name of a metric, a value that is no number or below zero, a
    /// currency that is no code of three capital letters or another one than elsewhere in the file, a day twice.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Volume, Vec<Fault>> {
        let mut table = Table::open(file, bytes)?;
        let at = |name: &str| table.columns().position(|column| column.eq_ignore_ascii_case(name));
        let mut missing = Vec::new();
        let columns = COLUMNS.map(|name| {
            at(name).unwrap_or_else(|| {
                let fault = Fault { line: Some(1), ..Fault::in_file(file, format!("the file has no column {name}")) };
                missing.push(fault.help(HEADER));
                0
            })
        });
        let currency = at("currency");
        if !missing.is_empty() {
            return Err(missing);
        }
        let mut faults = Vec::new();
        let mut volume = Volume::default();
        let mut rows = BTreeMap::<(String, Day), usize>::new();
        while let Some(place) = table.advance(&mut faults) {
            let row = match row(&table, &place, columns, currency) {
                Ok(row) => row,
                Err(fault) => {
                    faults.push(fault);
                    continue;
                }
            };
            let metric = volume.metrics.entry(row.metric.clone()).or_default();
            match (&metric.currency, &row.currency) {
                (Some(known), Some(other)) if known != other => {
                    let message = format!("{} is in {known} above and in {other} here", row.metric);
                    let fault = place.cell_fault("currency", message);
                    faults.push(fault.help("a metric has one currency: give the other one a name of its own"));
                    continue;
                }
                (None, Some(_)) => metric.currency.clone_from(&row.currency),
                _ => {}
            }
            if let Some(first) = rows.get(&(row.metric.clone(), row.day)) {
                let message = format!("a second value of {} for {}; the first is in row {first}", row.metric, row.day);
                faults.push(place.fault(message).help("keep one: a day has one value of a metric"));
                continue;
            }
            metric.days.insert(row.day, row.value);
            rows.insert((row.metric, row.day), place.row);
        }
        if faults.is_empty() && rows.is_empty() {
            faults.push(Fault::in_file(file, "has no row below its header").help("write a row for each day"));
        }
        if faults.is_empty() { Ok(volume) } else { Err(faults) }
    }

    /// This volume with a newer file on top, and what that changes, by metric and day.
    ///
    /// # Errors
    /// A metric that the file has in another currency than is known, where days would stay in the one that is known.
    pub fn with(&self, file: &str, newer: &Volume) -> Result<(Volume, Vec<VolumeChange>), Vec<Fault>> {
        let mut all = self.clone();
        let mut changes = Vec::new();
        let mut faults = Vec::new();
        for (name, brought) in &newer.metrics {
            let metric = all.metrics.entry(name.clone()).or_default();
            if let (Some(known), Some(other)) = (&metric.currency, &brought.currency)
                && known != other
                && let Some(day) = metric.days.keys().find(|day| !brought.days.contains_key(day))
            {
                let message = format!("{name} is in {known} until now, on {day} too, and in {other} in this file");
                let fault = Fault::in_file(file, message);
                faults.push(fault.help(format!(
                    "name the metric otherwise, or bring all its days again in {other}: a metric has one currency"
                )));
                continue;
            }
            if brought.currency.is_some() {
                metric.currency.clone_from(&brought.currency);
            }
            for (day, value) in &brought.days {
                let before = metric.days.insert(*day, *value);
                if before != Some(*value) {
                    changes.push(VolumeChange { metric: name.clone(), day: *day, before, after: *value });
                }
            }
        }
        if faults.is_empty() { Ok((all, changes)) } else { Err(faults) }
    }

    /// The metrics, by name.
    pub fn metrics(&self) -> impl Iterator<Item = (&str, &Metric)> {
        self.metrics.iter().map(|(name, metric)| (name.as_str(), metric))
    }

    /// A metric.
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.get(name)
    }

    /// The files that stand for it, the list of metrics first: one file per metric and month, so that what did not change
    /// is the same file. Equal volumes have equal files.
    pub fn to_files(&self) -> Vec<(String, Vec<u8>)> {
        let mut list = "metric,currency\n".to_owned();
        let mut months = BTreeMap::<(&str, Month), String>::new();
        for (name, metric) in &self.metrics {
            list += &format!("{name},{}\n", metric.currency.as_ref().map_or("", Currency::as_str));
            for (day, value) in &metric.days {
                let text = months.entry((name, day.month())).or_insert_with(|| "date,value\n".to_owned());
                *text += &format!("{day},{value}\n");
            }
        }
        let mut files = vec![(METRICS.to_owned(), list.into_bytes())];
        files
            .extend(months.into_iter().map(|((name, month), text)| (format!("{name}/{month}.csv"), text.into_bytes())));
        files
    }

    /// Reads what [`Volume::to_files`] wrote.
    ///
    /// # Errors
    /// What is not as it was written.
    pub fn from_files(files: &[(String, Vec<u8>)]) -> Result<Volume, String> {
        let mut volume = Volume::default();
        let Some(((list, bytes), months)) = files.split_first() else { return Ok(volume) };
        if list != METRICS {
            return Err(format!("business volume begins with {list}, not with {METRICS}"));
        }
        for (name, currency) in lines(list, bytes)? {
            let currency = match currency {
                "" => None,
                code => Some(Currency::new(code).map_err(|error| format!("{list}: {error}"))?),
            };
            volume.metrics.insert(name.to_owned(), Metric { currency, days: BTreeMap::new() });
        }
        for (file, bytes) in months {
            let name = file.rsplit_once('/').map_or("", |(name, _)| name);
            let Some(metric) = volume.metrics.get_mut(name) else {
                return Err(format!("{file} is of no metric that {METRICS} lists"));
            };
            for (day, value) in lines(file, bytes)? {
                let day: Day = day.parse().map_err(|error| format!("{file}: {error}"))?;
                let value: Exact = value.parse().map_err(|error| format!("{file}: '{value}' {error}"))?;
                metric.days.insert(day, value);
            }
        }
        Ok(volume)
    }
}

/// The two cells of each line below the header of a file of the book.
fn lines<'f>(file: &str, bytes: &'f [u8]) -> Result<Vec<(&'f str, &'f str)>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("{file}: {error}"))?;
    let cells = |line: &'f str| line.split_once(',').ok_or_else(|| format!("{file}: '{line}' has one cell"));
    text.lines().skip(1).map(cells).collect()
}

struct Given {
    day: Day,
    metric: String,
    value: Exact,
    currency: Option<Currency>,
}

fn row(
    table: &Table<'_>,
    place: &Place<'_>,
    [date, metric, value]: [usize; 3],
    currency: Option<usize>,
) -> Result<Given, Fault> {
    let text = table.cell(date);
    let day = text.parse::<Day>().ok().filter(|day| Day::EARLIEST < *day && *day < Day::NEVER).ok_or_else(|| {
        let message = format!("'{}' is no day", text.escape_debug());
        place.cell_fault("date", message).help("write days as 2026-09-30")
    })?;
    let name = table.cell(metric);
    let letters: BTreeSet<char> = name.chars().filter(|letter| !is_of_name(*letter)).collect();
    if name.is_empty()
        || name.len() > NAME
        || !letters.is_empty()
        || !name.starts_with(|c: char| c.is_ascii_alphabetic())
    {
        let message = format!("'{}' is no name of a metric", name.escape_debug());
        let help = "write up to 64 letters, digits, _, - or ., a letter first, such as payment_volume";
        return Err(place.cell_fault("metric", message).help(help));
    }
    let text = table.cell(value);
    let refuse = |message: String| {
        place
            .cell_fault("value", message)
            .help("write a decimal with a dot, such as 33120455.20; 0 where there was none")
    };
    let value = Exact::parse(text.as_bytes(), WHOLE_DIGITS)
        .map_err(|error| refuse(format!("'{}' {error}", text.escape_debug())))?;
    if value < Exact::ZERO {
        return Err(refuse(format!("'{text}' is below zero")));
    }
    let currency = match currency.map(|at| table.cell(at)).filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => {
            let iso = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
            let refuse = |message: String| {
                let fault = place.cell_fault("currency", message);
                fault.help("write three capital letters, such as EUR; nothing where the metric is no money")
            };
            if !iso {
                return Err(refuse(format!("'{}' is no currency code of ISO 4217", text.escape_debug())));
            }
            Some(Currency::new(text).map_err(refuse)?)
        }
    };
    Ok(Given { day, metric: name.to_owned(), value, currency })
}

fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use leap_terms::fault;

    const FILE: &str = "date,metric,value,currency\n2026-08-31,payment_volume,100.10,USD\n2026-09-01,payment_volume,0.000000000000000001,USD\n2026-09-01,orders,7,\n";

    fn read(text: &str) -> Volume {
        Volume::parse("volume.csv", text.as_bytes()).unwrap()
    }

    fn refused(text: &str) -> String {
        fault::list(&Volume::parse("volume.csv", text.as_bytes()).unwrap_err())
    }

    fn over(volume: &Volume, metric: &str, period: &str) -> Over {
        volume.metric(metric).unwrap().over(period.parse().unwrap())
    }

    #[test]
    fn a_file_is_read_exactly_and_kept_by_month() {
        let volume = read(FILE);
        let months = over(&volume, "payment_volume", "2026-08..2026-09");
        assert_eq!(months.total.to_string(), "100.100000000000000001");
        assert_eq!((months.days, months.hole), (2, None));
        assert_eq!(months.span, "2026-08-31..2026-09-02".parse().ok());
        let names: Vec<String> = volume.to_files().into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            ["metrics.csv", "orders/2026-09.csv", "payment_volume/2026-08.csv", "payment_volume/2026-09.csv"]
        );
        assert_eq!(Volume::from_files(&volume.to_files()).unwrap(), volume);
        assert_eq!(Volume::from_files(&[]).unwrap(), Volume::default());
        // Another order, other spellings of the same numbers: the same files.
        let other = read(
            "value,Metric,date\n7.0,orders,2026-09-01\n1e-18,payment_volume,2026-09-01\n100.1,payment_volume,2026-08-31\n",
        );
        assert_eq!(read(FILE).with("volume.csv", &other).unwrap(), (volume, vec![]));
    }

    #[test]
    fn a_later_file_replaces_its_days_and_no_others() {
        let (volume, changes) = read(FILE)
            .with("later.csv", &read("date,metric,value\n2026-09-01,orders,8\n2026-09-03,orders,9\n"))
            .unwrap();
        let told: Vec<String> = changes
            .iter()
            .map(|change| {
                let before = change.before.map_or_else(|| "none".to_owned(), |value| value.to_string());
                format!("{} {} {before} {}", change.metric, change.day, change.after)
            })
            .collect();
        assert_eq!(told, ["orders 2026-09-01 7 8", "orders 2026-09-03 none 9"]);
        let orders = over(&volume, "orders", "2026-09");
        assert_eq!((orders.total.to_string(), orders.days), ("17".to_owned(), 2));
        assert_eq!(orders.hole, "2026-09-02".parse().ok(), "no value is not 0");
        assert_eq!(volume.metric("payment_volume"), read(FILE).metric("payment_volume"));
    }

    #[test]
    fn a_metric_has_one_currency() {
        let euros = read("date,metric,value,currency\n2026-09-01,payment_volume,1,EUR\n");
        let error = fault::list(&read(FILE).with("later.csv", &euros).unwrap_err());
        assert!(
            error.starts_with("later.csv: payment_volume is in USD until now, on 2026-08-31 too, and in EUR"),
            "{error}"
        );
        let all = "date,metric,value,currency\n2026-08-31,payment_volume,1,EUR\n2026-09-01,payment_volume,1,EUR\n";
        let (volume, changes) = read(FILE).with("later.csv", &read(all)).unwrap();
        assert_eq!(volume.metric("payment_volume").unwrap().currency.as_ref().unwrap().as_str(), "EUR");
        assert_eq!(changes.len(), 2);
        let named = read("date,metric,value,currency\n2026-09-02,orders,1,USD\n");
        let (volume, _) = read(FILE).with("later.csv", &named).unwrap();
        assert_eq!(volume.metric("orders").unwrap().currency.as_ref().unwrap().as_str(), "USD");
    }

    #[test]
    fn wrong_rows_are_told_with_row_column_and_remedy() {
        let error = refused(
            "date,metric,value,currency\n01.09.2026,orders,1,\n2026-09-01,1st,1,\n2026-09-01,orders,\"1,000\",\n2026-09-01,orders,-1,\n2026-09-01,orders,,\n2026-09-01,orders,1,Euro\n2026-09-02,orders,1,USD\n2026-09-03,orders,1,EUR\n2026-09-02,orders,1,\n2026-09-02,orders\n",
        );
        for told in [
            "volume.csv:2: row 1, column date: '01.09.2026' is no day\n  help: write days as 2026-09-30",
            "volume.csv:3: row 2, column metric: '1st' is no name of a metric",
            "volume.csv:4: row 3, column value: '1,000' ",
            "volume.csv:5: row 4, column value: '-1' is below zero",
            "volume.csv:6: row 5, column value: '' ",
            "volume.csv:7: row 6, column currency: 'Euro' is no currency code of ISO 4217",
            "volume.csv:9: row 8, column currency: orders is in USD above and in EUR here",
            "volume.csv:10: row 9: a second value of orders for 2026-09-02; the first is in row 7",
            "volume.csv:11: row 10: 2 cells, the header has 4",
        ] {
            assert!(error.contains(told), "'{told}' is not in:\n{error}");
        }
        assert!(
            refused("date,metric\n").contains("the file has no column value\n  help: the header is date,metric,value")
        );
        assert!(refused("date,metric,value\n").contains("has no row below its header"));
        assert!(refused("date,metric,value\n2026-09-01,orders,1000000000000000\n").contains("row 1, column value"));
    }

    #[test]
    fn a_file_is_told_by_its_header() {
        for header in ["date,metric,value\n", "\u{feff}Date, Metric ,\"value\",currency\r\n", "value,metric,date,note"]
        {
            assert!(Volume::is_in(header.as_bytes()), "{header}");
        }
        for header in
            ["date,pool,team,weight\n", "month,from,to,rate\n", "", "BilledCost,ChargePeriodStart\ndate,metric,value\n"]
        {
            assert!(!Volume::is_in(header.as_bytes()), "{header}");
        }
    }

    #[test]
    fn damaged_files_of_the_book_are_errors() {
        let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
        let list = file("metrics.csv", "metric,currency\norders,\n");
        for files in [
            vec![file("orders/2026-09.csv", "")],
            vec![list.clone(), file("other/2026-09.csv", "")],
            vec![list.clone(), file("orders/2026-09.csv", "date,value\nnever,1\n")],
            vec![list.clone(), file("orders/2026-09.csv", "date,value\n2026-09-01,x\n")],
            vec![list, file("orders/2026-09.csv", "date,value\n2026-09-01\n")],
        ] {
            assert!(Volume::from_files(&files).is_err(), "{files:?}");
        }
    }
}
