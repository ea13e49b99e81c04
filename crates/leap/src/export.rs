//! `leap export focus`: charges as FOCUS 1.4 with `x_LeapOwner`, `x_LeapUnitPath` (`acme/consumer/payments`, in the org of
//! the charge's day), `x_LeapRule`, `x_LeapEvidence` and `x_LeapSnapshot`. Closed periods are as their statements have
//! them. Pools are not shared in it: a row is a charge, and what pools move is an export of its own (`splits`).
//!
//! CSV carries exact decimal texts and instants as FOCUS writes them. Parquet carries decimals as Decimal128(38, 18)
//! where the snapshot has no finer digits, else as exact text (Delta and most engines stop at 38 digits). A file appears
//! whole or not at all.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, StringBuilder};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use leap_lake::cell_text;
use leap_orient::org::Reader;
use leap_terms::focus::{COLUMNS, ColumnType};
use leap_terms::tables::{Table, fine_column};
use leap_terms::{Day, Exact, Owner, TeamId};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::annotate::{EVIDENCE, OWNER, Owned, Owners, RULE, SNAPSHOT, UNIT_PATH};
use crate::cli::{ExportFocusArgs, ExportFormat};
use crate::explain::basis;
use crate::failure::Failure;
use crate::home::{Access, Home, failed};
use crate::output::{csv_field, guarded};
use crate::rows;
use crate::view::View;
use crate::world::published;

/// Writes the export.
pub(crate) async fn focus(root: &Path, args: &ExportFocusArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let view = View::open(&home, &args.known.reading()).await?;
    let slices = view.slices();
    let readers = view.readers();
    let owners = Owners::of_view(&view, &published(&home))?;
    let files = || slices.iter().flat_map(|(_, slice)| slice.of(Table::Charges));
    let extra: BTreeSet<String> =
        files().flat_map(|file| file.columns.iter().filter(|name| !name.starts_with("x_Leap")).cloned()).collect();
    let fine = files().any(|file| file.fine);
    let columns = Columns { extra: extra.into_iter().collect(), fine };
    let mut sink = Sink::open(args, &columns)?;
    let mut more = columns.stored();
    more.extend(rows::lineage());
    let wanted = args.team.as_ref().map(|team| Owner::Team(team.clone()));
    for (layer, slice) in &slices {
        let one = std::slice::from_ref(slice);
        let open = published(&home);
        rows::each_charge_batch(one, &owners, args.period, basis(args.basis), &more, &open, |batch, owned, inside| {
            let keep: Vec<bool> = owned
                .iter()
                .zip(inside)
                .map(|(owned, inside)| *inside && wanted.as_ref().is_none_or(|team| owned.owner == *team))
                .collect();
            let kept: Vec<&Owned> =
                owned.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(owned, _)| owned).collect();
            if kept.is_empty() {
                return Ok(());
            }
            let batch = filter_record_batch(batch, &keep.into()).map_err(|error| Failure::from_error(&error))?;
            sink.write(&columns.shown(&batch, &kept, &readers[*layer])?)
        })?;
    }
    sink.finish()
}

/// The columns of the export.
struct Columns {
    extra: Vec<String>,
    fine: bool,
}

impl Columns {
    fn stored(&self) -> Vec<String> {
        let fine = COLUMNS
            .iter()
            .filter(|column| column.column_type == ColumnType::Decimal)
            .map(|column| fine_column(column.name));
        COLUMNS.iter().map(|column| column.name.to_owned()).chain(fine).chain(self.extra.iter().cloned()).collect()
    }

    fn schema(&self) -> SchemaRef {
        let mut fields = Vec::new();
        for column in &COLUMNS {
            let data_type = match column.column_type {
                ColumnType::Decimal if self.fine => DataType::Utf8,
                ColumnType::Decimal => leap_terms::tables::COARSE,
                ColumnType::Instant => leap_terms::tables::instant_type(),
                ColumnType::Text | ColumnType::Json => DataType::Utf8,
            };
            fields.push(Field::new(column.name, data_type, true));
        }
        fields.extend(self.extra.iter().map(|name| Field::new(name, DataType::Utf8, true)));
        fields.extend([OWNER, UNIT_PATH, RULE, EVIDENCE, SNAPSHOT].map(|name| Field::new(name, DataType::Utf8, true)));
        Arc::new(Schema::new(fields))
    }

    /// Stored columns as the export shows them.
    fn shown(&self, batch: &RecordBatch, owned: &[&Owned], reader: &Reader<'_>) -> Result<RecordBatch, Failure> {
        let mut arrays: Vec<ArrayRef> = Vec::new();
        let stored = |name: &str| {
            batch
                .column_by_name(name)
                .cloned()
                .ok_or_else(|| Failure::failed(format!("charges lack the column {name}")))
        };
        for column in &COLUMNS {
            arrays.push(match column.column_type {
                ColumnType::Decimal if self.fine => {
                    exact_texts(&stored(column.name)?, &stored(&fine_column(column.name))?)?
                }
                ColumnType::Decimal => arrow::compute::cast(&stored(column.name)?, &leap_terms::tables::COARSE)
                    .map_err(|error| Failure::from_error(&error))?,
                ColumnType::Instant | ColumnType::Text | ColumnType::Json => stored(column.name)?,
            });
        }
        for name in &self.extra {
            arrays.push(stored(name)?);
        }
        arrays.push(Arc::new(owned.iter().map(|owned| Some(owned.owner.to_string())).collect::<StringArray>()));
        let path = |(row, owned): (usize, &&Owned)| unit_path(reader, &owned.owner, rows::day(batch, row));
        arrays.push(Arc::new(owned.iter().enumerate().map(path).collect::<StringArray>()));
        arrays.push(Arc::new(owned.iter().map(|owned| owned.rule.clone()).collect::<StringArray>()));
        arrays.push(Arc::new(owned.iter().map(|owned| owned.evidence.clone()).collect::<StringArray>()));
        arrays.push(Arc::new(owned.iter().map(|owned| Some(&*owned.snapshot)).collect::<StringArray>()));
        RecordBatch::try_new(self.schema(), arrays).map_err(|error| Failure::from_error(&error))
    }
}

/// The units from the root down to a team on a day; none for what has no team.
fn unit_path(reader: &Reader<'_>, owner: &Owner, day: Day) -> Option<String> {
    match owner {
        Owner::Team(team) => {
            let place = reader.place(team, day);
            let units: Vec<&str> = place.path.iter().map(TeamId::as_str).collect();
            Some(units.join("/"))
        }
        Owner::Residual(_) => None,
    }
}

fn exact_texts(coarse: &ArrayRef, fine: &ArrayRef) -> Result<ArrayRef, Failure> {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::Decimal128Type;
    let (coarse, fine) = (coarse.as_primitive::<Decimal128Type>(), fine.as_primitive_opt::<Decimal128Type>());
    let mut texts = StringBuilder::new();
    for row in 0..coarse.len() {
        if coarse.is_null(row) {
            texts.append_null();
        } else {
            let digits = fine.filter(|fine| fine.is_valid(row)).map_or(0, |fine| fine.value(row));
            texts.append_value(Exact::from_parts(coarse.value(row), digits).to_string());
        }
    }
    Ok(Arc::new(texts.finish()))
}

/// Where the export goes: standard output, or a file that is renamed when it is whole.
enum Sink {
    Csv { out: Box<dyn Write>, place: Option<Place> },
    Parquet { out: Box<ArrowWriter<File>>, place: Place },
}

/// Where a file will be.
pub(crate) struct Place {
    partial: PathBuf,
    target: PathBuf,
}

impl Place {
    /// A file that does not show before it is whole.
    pub(crate) fn new(target: &Path) -> Place {
        let mut partial = target.as_os_str().to_owned();
        partial.push(".partial");
        Place { partial: partial.into(), target: target.to_owned() }
    }

    /// Starts writing beside it.
    pub(crate) fn create(&self) -> Result<File, Failure> {
        File::create(&self.partial).map_err(|error| failed("create", &self.partial, &error))
    }

    /// Shows it.
    pub(crate) fn keep(&self) -> Result<(), Failure> {
        let file = File::open(&self.partial).map_err(|error| failed("open", &self.partial, &error))?;
        file.sync_all().map_err(|error| failed("sync", &self.partial, &error))?;
        std::fs::rename(&self.partial, &self.target).map_err(|error| failed("rename", &self.partial, &error))?;
        eprintln!("wrote {}", self.target.display());
        Ok(())
    }
}

impl Sink {
    fn open(args: &ExportFocusArgs, columns: &Columns) -> Result<Sink, Failure> {
        match (args.format, &args.output) {
            (ExportFormat::Csv, None) => {
                let mut out: Box<dyn Write> = Box::new(BufWriter::new(std::io::stdout().lock()));
                header(&mut out, columns)?;
                Ok(Sink::Csv { out, place: None })
            }
            (ExportFormat::Csv, Some(path)) => {
                let place = Place::new(path);
                let mut out: Box<dyn Write> = Box::new(BufWriter::new(place.create()?));
                header(&mut out, columns)?;
                Ok(Sink::Csv { out, place: Some(place) })
            }
            (ExportFormat::Parquet, None) => Err(Failure::usage("a Parquet export needs --output FILE")),
            (ExportFormat::Parquet, Some(path)) => {
                let place = Place::new(path);
                let properties =
                    WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
                let out = ArrowWriter::try_new(place.create()?, columns.schema(), Some(properties))
                    .map_err(|error| Failure::from_error(&error))?;
                Ok(Sink::Parquet { out: Box::new(out), place })
            }
        }
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        match self {
            Sink::Parquet { out, .. } => out.write(batch).map_err(|error| Failure::from_error(&error)),
            Sink::Csv { out, .. } => {
                let schema = batch.schema();
                let mut line = String::new();
                for row in 0..batch.num_rows() {
                    line.clear();
                    for (at, (array, field)) in batch.columns().iter().zip(schema.fields()).enumerate() {
                        if at > 0 {
                            line.push(',');
                        }
                        let decimal = COLUMNS
                            .iter()
                            .any(|column| column.name == field.name() && column.column_type == ColumnType::Decimal);
                        let text = cell_text(array.as_ref(), row).unwrap_or_default();
                        line.push_str(&csv_field(&if decimal { text } else { guarded(&text) }));
                    }
                    line.push('\n');
                    out.write_all(line.as_bytes()).map_err(written)?;
                }
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Sink::Csv { mut out, place } => {
                out.flush().map_err(written)?;
                drop(out);
                place.map_or(Ok(()), |place| place.keep())
            }
            Sink::Parquet { out, place } => {
                out.close().map_err(|error| Failure::from_error(&error))?;
                place.keep()
            }
        }
    }
}

fn header(out: &mut dyn Write, columns: &Columns) -> Result<(), Failure> {
    let names: Vec<String> = columns.schema().fields().iter().map(|field| csv_field(field.name())).collect();
    out.write_all((names.join(",") + "\n").as_bytes()).map_err(written)
}

pub(crate) fn written(error: std::io::Error) -> Failure {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    Failure::failed(format!("could not write the export: {error}"))
}
