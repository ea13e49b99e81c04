//! One query in its own engine: own catalog, own memory, own threads, nothing shared but verified files.

use std::sync::Arc;
use std::time::Duration;

use datafusion::catalog::MemTable;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SessionContext;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::object_store::{ObjectStoreRegistry, ObjectStoreUrl};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::execution::{SessionStateBuilder, SessionStateDefaults as Defaults};
use datafusion::object_store::ObjectStore;
use datafusion::object_store::local::LocalFileSystem;
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::Statement;
use futures::StreamExt;
use leap_terms::limits::{SQL_MEMORY_BYTES, SQL_ROWS};
use leap_terms::tables::Table;
use tokio::sync::mpsc::Sender;
use url::Url;

use super::{SqlAnswer, SqlWorld, exact, guard, tags};
use crate::layout::STAGING;
use crate::{Lake, LakeError};

/// The lake as the engine sees it: the only place from which it can read.
pub(super) const STORE: &str = "leap://lake";
/// Threads that run a query.
const WORKERS: usize = 2;
/// Stack of a running thread: evaluating an expression recurses too.
const WORKER_STACK_BYTES: usize = 16 << 20;
/// Bytes that a query may spill to disk.
const SPILL_BYTES: u64 = 32 << 30;
/// Functions whose result may be far larger than what they are given: one call could pass every memory limit.
const SWELLING_FUNCTIONS: [&str; 13] = [
    "repeat",
    "lpad",
    "rpad",
    "space",
    "array_repeat",
    "list_repeat",
    "array_resize",
    "list_resize",
    "range",
    "generate_series",
    "gen_series",
    "string_to_array",
    "string_to_list",
];

/// Plans and runs one query on this thread's stack.
pub(super) fn run(
    lake: Lake,
    world: SqlWorld,
    text: &str,
    limit: Duration,
    caller: Sender<Result<SqlAnswer, LakeError>>,
) -> Result<SqlAnswer, LakeError> {
    guard::limit_text(text)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_stack_size(WORKER_STACK_BYTES)
        .thread_name("leap-sql-worker")
        .enable_all()
        .build()
        .map_err(|source| LakeError::io("start threads for", lake.root(), source))?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = tokio::time::timeout(limit, plan_and_collect(lake, world, text)) => {
                outcome.unwrap_or_else(|_| Err(too_slow(limit)))
            }
            () = caller.closed() => Err(LakeError::Sql { message: "the caller gave up".to_owned() }),
        }
    });
    runtime.shutdown_background();
    outcome
}

/// The error of a query that took too long.
pub(super) fn too_slow(limit: Duration) -> LakeError {
    LakeError::SqlLimit { limit: "SQL_SECONDS", detail: format!("it took more than {} seconds", limit.as_secs()) }
}

async fn plan_and_collect(lake: Lake, world: SqlWorld, text: &str) -> Result<SqlAnswer, LakeError> {
    let state = session(&lake)?;
    let context = SessionContext::new_with_state(state);
    for table in Table::ALL {
        let view = exact::view(&lake, table, &world).map_err(failed)?;
        context.register_table(table.name(), view).map_err(failed)?;
    }
    for (name, batch) in &world.tables {
        let table = MemTable::try_new(batch.schema(), vec![vec![batch.clone()]]).map_err(failed)?;
        context.register_table(name.as_str(), Arc::new(table)).map_err(failed)?;
    }
    let state = context.state();
    let statement = parse(&state, text)?;
    guard::only_query_statement(&statement)?;
    let plan = state.statement_to_plan(statement).await.map_err(failed)?;
    guard::only_query(&plan)?;
    let frame = context.execute_logical_plan(plan).await.map_err(failed)?;
    let schema = Arc::clone(frame.schema().inner());
    let mut stream = frame.execute_stream().await.map_err(failed)?;
    let (mut batches, mut rows, mut bytes) = (Vec::new(), 0, 0);
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(failed)?;
        rows += batch.num_rows();
        bytes += batch.get_array_memory_size();
        if rows > SQL_ROWS {
            return Err(LakeError::SqlLimit {
                limit: "SQL_ROWS",
                detail: format!("it returns more than {SQL_ROWS} rows"),
            });
        }
        if bytes > SQL_MEMORY_BYTES {
            let detail = format!("its answer takes more than {SQL_MEMORY_BYTES} bytes");
            return Err(LakeError::SqlLimit { limit: "SQL_MEMORY_BYTES", detail });
        }
        if batch.num_rows() > 0 {
            batches.push(batch);
        }
    }
    Ok(SqlAnswer { schema, batches })
}

/// The one statement of the text.
fn parse(state: &SessionState, text: &str) -> Result<Statement, LakeError> {
    let dialect = state.config().options().sql_parser.dialect;
    let dialect = datafusion::sql::sqlparser::dialect::dialect_from_str(dialect)
        .ok_or_else(|| LakeError::Sql { message: "the SQL dialect is unknown".to_owned() })?;
    let mut statements = datafusion::sql::parser::DFParserBuilder::new(text)
        .with_dialect(dialect.as_ref())
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(failed)?;
    match (statements.pop_front(), statements.len()) {
        (None, _) => Err(LakeError::Sql { message: "the text holds no statement".to_owned() }),
        (Some(statement), 0) => Ok(statement),
        (Some(_), more) => Err(LakeError::SqlRefused { what: format!("more than one statement ({})", more + 1) }),
    }
}

/// An engine that knows queries, functions and our tables, and nothing that could reach a file by name.
fn session(lake: &Lake) -> Result<SessionState, LakeError> {
    let mut config = SessionConfig::new()
        .with_information_schema(true)
        .with_target_partitions(WORKERS)
        .with_default_catalog_and_schema("leap", "lake");
    let options = config.options_mut();
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.enable_ident_normalization = false;
    options.execution.enable_recursive_ctes = false;
    // An external sort fails in a small pool without this; see apache/datafusion on ExternalSorterMerge.
    options.execution.sort_spill_reservation_bytes = SQL_MEMORY_BYTES / (3 * WORKERS);
    options.execution.time_zone = Some("+00:00".to_owned());
    let store = LocalFileSystem::new_with_prefix(lake.root()).map_err(|fault| failed(fault.into()))?;
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(SQL_MEMORY_BYTES)))
        .with_object_store_registry(Arc::new(OnlyTheLake(Arc::new(store))))
        .with_disk_manager_builder(
            DiskManagerBuilder::default()
                .with_mode(DiskManagerMode::Directories(vec![spill_folder(lake)?]))
                .with_max_temp_directory_size(SPILL_BYTES),
        )
        .build_arc()
        .map_err(failed)?;
    let mut planners = vec![tags::planner()];
    planners.extend(Defaults::default_expr_planners());
    let mut functions = Defaults::default_scalar_functions();
    functions.retain(|function| {
        !SWELLING_FUNCTIONS.contains(&function.name())
            && !function.aliases().iter().any(|alias| SWELLING_FUNCTIONS.contains(&alias.as_str()))
    });
    functions.push(tags::function());
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_expr_planners(planners)
        .with_scalar_functions(functions)
        .with_aggregate_functions(Defaults::default_aggregate_functions())
        .with_window_functions(Defaults::default_window_functions())
        .build();
    Ok(state)
}

fn spill_folder(lake: &Lake) -> Result<std::path::PathBuf, LakeError> {
    let folder = lake.root().join(STAGING);
    crate::durable::make_dirs(lake.root(), &folder)?;
    Ok(folder)
}

/// The words of a fault, by whose fault it is.
pub(super) fn failed(fault: DataFusionError) -> LakeError {
    if let DataFusionError::External(_) = fault.find_root()
        && let Some(ours) = dig(&fault)
    {
        return ours;
    }
    match fault.find_root() {
        DataFusionError::ResourcesExhausted(detail) => LakeError::SqlLimit {
            limit: "SQL_MEMORY_BYTES",
            detail: detail.lines().next().unwrap_or_default().to_owned(),
        },
        _ => LakeError::Sql { message: guard::plain(&fault) },
    }
}

/// Our own error inside the engine's, when there is one.
fn dig(fault: &DataFusionError) -> Option<LakeError> {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(fault);
    while let Some(error) = source {
        if let Some(LakeError::Damaged { path, fault }) = error.downcast_ref::<LakeError>() {
            return Some(LakeError::Damaged { path: path.clone(), fault: fault.clone() });
        }
        source = error.source();
    }
    None
}

/// A registry with one store, to which none can be added.
#[derive(Debug)]
struct OnlyTheLake(Arc<LocalFileSystem>);

impl ObjectStoreRegistry for OnlyTheLake {
    fn register_store(&self, _url: &Url, _store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> datafusion::error::Result<Arc<dyn ObjectStore>> {
        let ours = ObjectStoreUrl::parse(STORE)?;
        if url.as_str().starts_with(ours.as_str()) {
            Ok(self.0.clone())
        } else {
            Err(DataFusionError::Plan(format!("{url} is no table of the lake")))
        }
    }
}
