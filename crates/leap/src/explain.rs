//! `leap explain`: from a team, a residual, a resource or a charge down to rule, evidence and source rows, and back up
//! to the same total.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use arrow::array::RecordBatch;
use leap_orient::pool::LineKind;
use leap_orient::reading::spend::Basis;
use leap_terms::{Money, Owner, Period, ResidualReason, TeamId};
use serde_json::json;

use crate::annotate::{Owned, Owners};
use crate::cli::{BasisArg, ExplainArgs, OutputFormat};
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, amount_shown, emit, print_json, printable};
use crate::rows::{self, charge_name, text};
use crate::view::View;
use crate::world::{Slice, World, published};

/// Sums by rule, evidence and currency.
type ByRule = BTreeMap<(Option<String>, Option<String>, String), (Money, u64)>;

/// What is to be explained.
enum Subject {
    Owner(Owner),
    Resource(String),
    Charge { delivery: String, part: usize, row: u64 },
}

struct Found {
    charge: String,
    file: String,
    row: u64,
    day: String,
    service: String,
    resource: String,
    owner: Owned,
    currency: String,
    amount: Money,
}

pub(crate) fn basis(arg: BasisArg) -> Basis {
    match arg {
        BasisArg::Incurred => Basis::Incurred,
        BasisArg::Invoiced => Basis::Invoiced,
    }
}

/// Prints the explanation.
pub(crate) async fn run(root: &Path, args: &ExplainArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let view = View::open(&home, &args.reading).await?;
    let world = view.head();
    let open = published(&home);
    let layered = view.slices();
    let slices: Vec<Slice> = layered.iter().map(|(_, slice)| slice.clone()).collect();
    let subject = subject(&args.subject, world)?;
    let period: Option<Period> = match (&subject, args.period) {
        (Subject::Charge { .. }, None) => None,
        (_, Some(period)) => Some(period),
        (_, None) => Some(world.last_period(basis(args.basis))?),
    };
    if let Some(period) = period {
        view.warn_pending(period, basis(args.basis), &open)?;
    }
    let owners = Owners::load(&slices, world.digest_text(), &open)?;
    let paths: HashMap<String, Vec<String>> = view
        .worlds()
        .flat_map(|world| &world.scopes)
        .map(|scope| (scope.delivery.to_string(), scope.parts.iter().map(|part| part.path.clone()).collect()))
        .collect();
    let mut more = rows::lineage();
    more.extend(rows::cost_columns(args.cost));
    more.extend(["ServiceName", "BillingCurrency"].map(str::to_owned));
    let mut found = Vec::<Found>::new();
    let keep = args.rows.max(1);
    let mut totals = BTreeMap::<String, (Money, u64)>::new();
    let mut by_rule = ByRule::new();
    let mut by_service = BTreeMap::<(String, String), (Money, u64)>::new();
    let all = args.format.format != OutputFormat::Table;
    let basis = basis(args.basis);
    for (layer, slice) in &layered {
        let one = std::slice::from_ref(slice);
        rows::each_charge_batch(one, &owners, period, basis, &more, &open, |batch, owned, inside| {
            for row in 0..batch.num_rows() {
                if !inside[row] || !matches(&subject, &view, *layer, batch, row, &owned[row]) {
                    continue;
                }
                let amount = rows::cost(batch, args.cost, row);
                let currency = text(batch, "BillingCurrency", row).unwrap_or_default().to_owned();
                let service = text(batch, "ServiceName", row).unwrap_or("(none)").to_owned();
                add(&mut totals, currency.clone(), amount);
                add(&mut by_rule, (owned[row].rule.clone(), owned[row].evidence.clone(), currency.clone()), amount);
                add(&mut by_service, (service.clone(), currency.clone()), amount);
                let (part, number) = rows::place(batch, row);
                let delivery = text(batch, leap_terms::tables::DELIVERY, row).unwrap_or_default();
                found.push(Found {
                    charge: charge_name(batch, row),
                    file: paths.get(delivery).and_then(|parts| parts.get(part)).cloned().unwrap_or_default(),
                    row: number,
                    day: rows::day(batch, row).to_string(),
                    service,
                    resource: text(batch, "ResourceId", row).unwrap_or_default().to_owned(),
                    owner: owned[row].clone(),
                    currency,
                    amount,
                });
            }
            // For people only the largest rows stay; machines get them all.
            if !all && found.len() > keep.saturating_mul(4).max(4096) {
                largest(&mut found, keep);
            }
            Ok(())
        })?;
    }
    let mut shared = BTreeMap::<(String, LineKind, String), Money>::new();
    if let (Subject::Owner(owner), Some(period)) = (&subject, period) {
        for split in view.journal(period, basis, &open)? {
            let inside = |day| basis != Basis::Incurred || period.contains(day);
            for line in split.lines.iter().filter(|line| inside(line.day)) {
                if view.is_of(split.layer, &line.owner, owner) {
                    let amount = line.costs[args.cost];
                    let key = (line.pool.clone(), line.line, line.currency.as_str().to_owned());
                    *shared.entry(key).or_default() += amount;
                    totals.entry(line.currency.as_str().to_owned()).or_default().0 += amount;
                }
            }
        }
    }
    if totals.is_empty() {
        let when = period.map_or_else(String::new, |period| format!(" in {period}"));
        let names = world.org.units().iter().map(|unit| unit.id.as_str());
        let hint = match &subject {
            Subject::Owner(_) => "; it has no charges then, try another --period".to_owned(),
            Subject::Charge { .. } => String::new(),
            Subject::Resource(text) => leap_terms::fault::nearest(text, names).map_or_else(
                || "; it is no team's id, residual or resource".to_owned(),
                |near| format!("; did you mean {near}?"),
            ),
        };
        return Err(Failure::failed(format!("nothing found for '{}'{when}{hint}", printable(&args.subject))));
    }
    largest(&mut found, if all { usize::MAX } else { keep });
    print(args, &view, &subject, period, &found, &totals, &by_rule, &by_service, &shared)?;
    if all {
        return Ok(());
    }
    let rules: Vec<String> = by_rule.keys().filter_map(|(rule, _, _)| rule.clone()).collect();
    for line in crate::claims::behind(&home, &rules, view.known()).await? {
        emit(&format!("{}\n", printable(&line)))?;
    }
    Ok(())
}

fn add<K: Ord>(sums: &mut BTreeMap<K, (Money, u64)>, key: K, amount: Money) {
    let (sum, count) = sums.entry(key).or_default();
    *sum += amount;
    *count += 1;
}

fn largest(found: &mut Vec<Found>, keep: usize) {
    found.sort_by(|a, b| b.amount.abs().cmp(&a.amount.abs()).then_with(|| a.charge.cmp(&b.charge)));
    found.truncate(keep);
}

/// A charge's name, a residual, a team by id, name or alias; anything else is a resource id.
fn subject(text: &str, world: &World) -> Result<Subject, Failure> {
    let parts: Vec<&str> = text.split(':').collect();
    if let [delivery, part, row] = parts.as_slice()
        && leap_terms::DeliveryId::new(delivery).is_ok()
    {
        let number = |text: &str| {
            text.parse::<u64>().map_err(|_| Failure::usage(format!("'{text}' is no number in DELIVERY:PART:ROW")))
        };
        return Ok(Subject::Charge {
            delivery: (*delivery).to_owned(),
            part: usize::try_from(number(part)?).unwrap_or(usize::MAX),
            row: number(row)?,
        });
    }
    if text.starts_with("residual:") {
        return text.parse().map(Subject::Owner).map_err(Failure::usage);
    }
    if world.org.units().iter().any(|unit| unit.id.as_str() == text) {
        return TeamId::new(text).map(|team| Subject::Owner(Owner::Team(team))).map_err(Failure::usage);
    }
    Ok(Subject::Resource(text.to_owned()))
}

fn matches(subject: &Subject, view: &View, layer: usize, batch: &RecordBatch, row: usize, owned: &Owned) -> bool {
    match subject {
        Subject::Owner(owner) => view.is_of(layer, &owned.owner, owner),
        Subject::Resource(id) => {
            text(batch, "ResourceId", row) == Some(id.as_str()) || text(batch, "ResourceName", row) == Some(id.as_str())
        }
        Subject::Charge { delivery, part, row: number } => {
            text(batch, leap_terms::tables::DELIVERY, row) == Some(delivery.as_str())
                && rows::place(batch, row) == (*part, *number)
        }
    }
}

#[allow(clippy::too_many_arguments, reason = "one caller; a struct would only rename the arguments")]
fn print(
    args: &ExplainArgs,
    view: &View,
    subject: &Subject,
    period: Option<Period>,
    found: &[Found],
    totals: &BTreeMap<String, (Money, u64)>,
    by_rule: &ByRule,
    by_service: &BTreeMap<(String, String), (Money, u64)>,
    shared: &BTreeMap<(String, LineKind, String), Money>,
) -> Result<(), Failure> {
    let world = view.head();
    let columns =
        ["charge", "file", "row", "day", "service", "resource", "owner", "rule", "evidence", "currency", "amount"];
    let mut rows = Answer::new("Largest source rows", &columns);
    for each in found {
        rows.rows.push(vec![
            Cell::text(&each.charge),
            Cell::text(&each.file),
            Cell::Count(each.row),
            Cell::text(&each.day),
            Cell::text(&each.service),
            Cell::text(&each.resource),
            Cell::text(each.owner.owner.to_string()),
            each.owner.rule.as_ref().map_or(Cell::Empty, Cell::text),
            each.owner.evidence.as_ref().map_or(Cell::Empty, Cell::text),
            Cell::text(&each.currency),
            Cell::Amount(each.amount),
        ]);
    }
    if args.format.format == OutputFormat::Json {
        let totals: Vec<_> = totals
            .iter()
            .map(|(currency, (amount, rows))| json!({ "currency": currency, "amount": amount.to_string(), "rows": rows }))
            .collect();
        return print_json(&json!({
            "snapshot": world.digest_text(),
            "subject": args.subject,
            "cost": args.cost.word(),
            "period": period.map(|period| period.to_string()),
            "steward": steward(subject, view),
            "totals": totals,
            "shared": shared
                .iter()
                .map(|((pool, line, currency), amount)| json!({
                    "pool": pool, "line": line.word(), "currency": currency, "amount": amount.to_string()
                }))
                .collect::<Vec<_>>(),
            "rows": rows.json_rows(),
        }));
    }
    if args.format.format != OutputFormat::Table {
        return rows.print(args.format.format);
    }
    let when = period.map_or_else(String::new, |period| format!(", {period}"));
    let sums: Vec<String> = totals
        .iter()
        .map(|(currency, (amount, rows))| format!("{} {currency} in {rows} charges", amount_shown(*amount)))
        .collect();
    emit(&format!("{}: {} cost{when}: {}\n", printable(&args.subject), args.cost, sums.join(", ")))?;
    if let Some(steward) = steward(subject, view) {
        emit(&format!("steward: {steward}\n"))?;
    }
    if let Subject::Owner(Owner::Team(team)) = subject {
        let last = period.map_or_else(|| crate::clock::now().day(), |period| period.until().plus(-1));
        let path = leap_orient::reading::moves::path(&world.org, &Owner::Team(team.clone()), last);
        emit(&format!("org on {last}: {}\n", path.replace('/', " > ")))?;
    }
    emit("\n")?;
    let mut rules = Answer::new("By rule and evidence", &["rule", "evidence", "charges", "currency", "amount"]);
    let mut sorted: Vec<_> = by_rule.iter().collect();
    sorted.sort_by(|a, b| b.1.0.cmp(&a.1.0).then_with(|| a.0.cmp(b.0)));
    for ((rule, evidence, currency), (amount, count)) in sorted.iter().take(20) {
        rules.rows.push(vec![
            Cell::text(rule.clone().unwrap_or_else(|| "(no rule)".to_owned())),
            Cell::text(evidence.clone().unwrap_or_default()),
            Cell::Count(*count),
            Cell::text(currency),
            Cell::Amount(*amount),
        ]);
    }
    if sorted.len() > 20 {
        let mut rest = BTreeMap::<&String, (Money, u64)>::new();
        for ((_, _, currency), (amount, count)) in &sorted[20..] {
            let entry = rest.entry(currency).or_default();
            entry.0 += *amount;
            entry.1 += count;
        }
        for (currency, (amount, count)) in rest {
            rules.rows.push(vec![
                Cell::text("(rest)"),
                Cell::Empty,
                Cell::Count(count),
                Cell::text(currency),
                Cell::Amount(amount),
            ]);
        }
    }
    rules.print(OutputFormat::Table)?;
    if !shared.is_empty() {
        emit("\n")?;
        let mut answer = Answer::new(
            "Shared platforms (day by day: leap pool explain POOL DAY)",
            &["pool", "line", "currency", "amount"],
        );
        for ((pool, line, currency), amount) in shared {
            answer.rows.push(vec![
                Cell::text(pool.as_str()),
                Cell::text(line.word()),
                Cell::text(currency.as_str()),
                Cell::Amount(*amount),
            ]);
        }
        answer.print(OutputFormat::Table)?;
    }
    emit("\n")?;
    let mut services = Answer::new("By service", &["service", "charges", "currency", "amount"]);
    let mut sorted: Vec<_> = by_service.iter().collect();
    sorted.sort_by(|a, b| b.1.0.cmp(&a.1.0).then_with(|| a.0.cmp(b.0)));
    for ((service, currency), (amount, count)) in sorted.iter().take(10) {
        services.rows.push(vec![Cell::text(service), Cell::Count(*count), Cell::text(currency), Cell::Amount(*amount)]);
    }
    services.print(OutputFormat::Table)?;
    emit("\n")?;
    rows.title = format!("Largest {} source rows", rows.rows.len());
    rows.print(OutputFormat::Table)?;
    if matches!(subject, Subject::Owner(_)) {
        return Ok(());
    }
    // A resource in a pool belongs to it; who pays is a question of that pool and day.
    let mut pools = BTreeMap::<&str, &str>::new();
    for each in found {
        if let Owner::Residual(ResidualReason::Pool(pool)) = &each.owner.owner {
            pools.entry(pool).or_insert(&each.day);
        }
    }
    for (pool, day) in pools {
        emit(&format!("{pool} is a shared platform; who pays for it: leap pool explain {pool} {day}\n"))?;
    }
    Ok(())
}

/// The steward of a residual.
fn steward(subject: &Subject, view: &View) -> Option<String> {
    match subject {
        Subject::Owner(Owner::Residual(reason)) => Some(view.steward(reason)),
        Subject::Owner(Owner::Team(_)) | Subject::Resource(_) | Subject::Charge { .. } => None,
    }
}
