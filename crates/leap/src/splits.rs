//! The lines that share the cost of pools, for other tools: `leap export splits`, and the table `splits` of `leap sql`.
//!
//! ```text
//! billing_period,day,pool,owner,line,currency,billed,effective,list,contracted
//! 2026-09,2026-09-01,kafka,residual:pool:kafka,pool,USD,-70,-70,-70,-70
//! 2026-09,2026-09-01,kafka,payments,use,USD,28.67,28.67,28.67,28.67
//! ```
//! Charges and these lines together are what reports with shared pools show; per day, pool, currency and kind of cost the
//! lines add up to zero.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Decimal256Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, i256};
use leap_orient::pool::Line;
use leap_orient::reading::spend::Basis;
use leap_terms::exact::FINE_PER_COARSE;
use leap_terms::{CostKind, Month, Period};

use crate::cli::ExportSplitsArgs;
use crate::explain::basis;
use crate::export::{Place, written};
use crate::failure::Failure;
use crate::home::{Access, Home};
use crate::output::{csv_field, guarded};
use crate::view::{Shared, View};
use crate::world::published;

/// Name of the table.
pub(crate) const TABLE: &str = "splits";

const COLUMNS: [&str; 6] = ["billing_period", "day", "pool", "owner", "line", "currency"];

fn each(shared: &[Shared]) -> impl Iterator<Item = (Month, &Line)> {
    shared.iter().flat_map(|shared| shared.lines.iter().map(move |line| (shared.billing, line)))
}

/// The lines as a table; amounts count 10⁻³⁰.
pub(crate) fn batch(shared: &[Shared]) -> Result<RecordBatch, Failure> {
    let text = |get: &dyn Fn(Month, &Line) -> String| -> ArrayRef {
        Arc::new(each(shared).map(|(billing, line)| Some(get(billing, line))).collect::<StringArray>())
    };
    let mut columns: Vec<ArrayRef> = vec![
        text(&|billing, _| billing.to_string()),
        Arc::new(Date32Array::from_iter_values(each(shared).map(|(_, line)| line.day.days()))),
        text(&|_, line| line.pool.clone()),
        text(&|_, line| line.owner.to_string()),
        text(&|_, line| line.line.word().to_owned()),
        text(&|_, line| line.currency.as_str().to_owned()),
    ];
    let amounts = DataType::Decimal256(76, 30);
    let mut fields = COLUMNS.map(|name| Field::new(name, DataType::Utf8, false)).to_vec();
    fields[1] = Field::new(COLUMNS[1], DataType::Date32, false);
    for kind in CostKind::ALL {
        let units = each(shared).map(|(_, line)| {
            let amount = line.costs[kind];
            let coarse = i256::from_i128(amount.coarse()) * i256::from_i128(FINE_PER_COARSE.into());
            coarse + i256::from_i128(amount.fine().into())
        });
        let array = Decimal256Array::from_iter_values(units).with_data_type(amounts.clone());
        columns.push(Arc::new(array));
        fields.push(Field::new(kind.word(), amounts.clone(), false));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|error| Failure::from_error(&error))
}

/// `leap export splits`.
pub(crate) async fn export(root: &Path, args: &ExportSplitsArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let view = View::open(&home, &args.known.reading()).await?;
    let period = args.period.unwrap_or(Period::ALWAYS);
    let basis = if args.period.is_some() { basis(args.basis) } else { Basis::Invoiced };
    let shared = view.journal(period, basis, &published(&home))?;
    match &args.output {
        None => write(&mut BufWriter::new(std::io::stdout().lock()), &shared),
        Some(path) => {
            let place = Place::new(path);
            write(&mut BufWriter::new(place.create()?), &shared)?;
            place.keep()
        }
    }
}

fn write(out: &mut dyn Write, shared: &[Shared]) -> Result<(), Failure> {
    let head: Vec<&str> = COLUMNS.into_iter().chain(CostKind::ALL.map(CostKind::word)).collect();
    out.write_all((head.join(",") + "\n").as_bytes()).map_err(written)?;
    for (billing, line) in each(shared) {
        let owner = line.owner.to_string();
        let mut cells = vec![billing.to_string(), line.day.to_string()];
        cells.extend(
            [line.pool.as_str(), &owner, line.line.word(), line.currency.as_str()]
                .map(|text| csv_field(&guarded(text))),
        );
        cells.extend(CostKind::ALL.map(|kind| line.costs[kind].to_string()));
        out.write_all((cells.join(",") + "\n").as_bytes()).map_err(written)?;
    }
    out.flush().map_err(written)
}
