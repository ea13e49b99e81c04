//! `leap sql`: a read-only query over one snapshot, or over what was known on a day; closed periods are as their statements
//! have them.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use leap_lake::{LakeError, SqlWorld};
use leap_orient::org::Span;
use leap_orient::reading::spend::Basis;
use leap_terms::{Day, Period};

use crate::annotate::Owners;
use crate::cli::{OutputFormat, SqlArgs};
use crate::failure::{Exit, Failure};
use crate::home::{Access, Home};
use crate::output::{Answer, Cell, print_json};
use crate::splits;
use crate::view::View;
use crate::world::{World, published};

/// Runs the query and prints its rows.
pub(crate) async fn run(root: &Path, args: &SqlArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let view = View::open(&home, &args.known.reading()).await?;
    let text = if args.query == "-" {
        use std::io::Read;
        let mut text = String::new();
        // One byte more than the limit is enough to refuse.
        let limit = leap_terms::limits::SQL_BYTES as u64 + 1;
        std::io::stdin()
            .lock()
            .take(limit)
            .read_to_string(&mut text)
            .map_err(|error| Failure::usage(format!("could not read the query: {error}")))?;
        text
    } else {
        args.query.clone()
    };
    let answer = home.lake.sql(&world(&home, &view, &text).await?, &text).await.map_err(refusal)?;
    let names: Vec<&str> = answer.columns();
    let mut shown = Answer::new("", &names);
    for row in answer.texts() {
        shown.rows.push(row.into_iter().map(|text| text.map_or(Cell::Empty, Cell::Text)).collect());
    }
    if args.format.format == OutputFormat::Json {
        return print_json(&serde_json::json!({ "snapshot": view.head().digest_text(), "rows": shown.json_rows() }));
    }
    shown.print(args.format.format)
}

/// What a query sees of a view: closed periods as their statements have them. Splits are made where the query names them.
async fn world(home: &Home, view: &View, text: &str) -> Result<SqlWorld, Failure> {
    let open = published(home);
    let asked = text.contains(splits::TABLE);
    let lines = if asked { view.journal(Period::ALWAYS, Basis::Invoiced, &open)? } else { Vec::new() };
    let mut files: Vec<_> =
        view.slices().into_iter().flat_map(|(_, slice)| slice.files.into_values().flatten()).collect();
    let traces = home.book.trace_files(0, u64::MAX, view.known()).await;
    let (_, traces) = traces.map_err(|error| Failure::from_error(&error))?;
    files.extend(traces.into_iter().map(|file| file.record));
    Ok(SqlWorld {
        files,
        annotate: Some(Arc::new(Owners::of_view(view, &open)?)),
        tables: vec![("teams".to_owned(), teams(view.head())?), (splits::TABLE.to_owned(), splits::batch(&lines)?)],
        seconds: None,
    })
}

/// The units of the org in force, one row per span of time: id, name, kind, parent, from, until.
fn teams(world: &World) -> Result<RecordBatch, Failure> {
    let spans: Vec<(&leap_terms::TeamId, &Span)> =
        world.org.units().iter().flat_map(|unit| unit.spans.iter().map(move |span| (&unit.id, span))).collect();
    let text = |get: &dyn Fn(&Span) -> Option<String>| -> ArrayRef {
        Arc::new(spans.iter().map(|(_, span)| get(span)).collect::<StringArray>())
    };
    let days = |get: &dyn Fn(&Span) -> Day| -> ArrayRef {
        Arc::new(Date32Array::from_iter_values(spans.iter().map(|(_, span)| get(span).days())))
    };
    let mut fields = ["id", "name", "kind", "parent"].map(|name| Field::new(name, DataType::Utf8, true)).to_vec();
    fields.extend(["from", "until"].map(|name| Field::new(name, DataType::Date32, false)));
    let ids: StringArray = spans.iter().map(|(id, _)| Some(id.as_str())).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(ids),
        text(&|span| Some(span.name.clone())),
        text(&|span| Some(span.kind.clone())),
        text(&|span| span.parent.as_ref().map(ToString::to_string)),
        days(&|span| span.period.from()),
        days(&|span| span.period.until()),
    ];
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|error| Failure::from_error(&error))
}

/// A refused query is the person's to change (exit 2); anything else failed (exit 1).
pub(crate) fn refusal(error: LakeError) -> Failure {
    let exit = match &error {
        LakeError::Sql { .. } | LakeError::SqlRefused { .. } | LakeError::SqlLimit { .. } => Exit::Usage,
        _ => Exit::Failed,
    };
    Failure { exit, ..Failure::from_error(&error) }
}
