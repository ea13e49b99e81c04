//! `leap demo`: a sample company of 800 teams from a seed, its bills of 18 months taken in as they arrived, attributed,
//! proved, and summed up on one screen.

mod contracts;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use leap_orient::proof::OwnerTotals;
use leap_orient::reading::spend::Basis;
use leap_sim::company::{self, CompanyOptions, Container};
use leap_terms::{CostKind, Currency, Money, Month, Owner, Ratio, TeamId};

use crate::cli::{
    DemoArgs, OrgApplyArgs, OrgArg, PoolApplyArgs, PoolsArg, ReadingArgs, RulesApplyArgs, SampleArgs, ServeArgs,
    StoryArg,
};
use crate::cli::{FormatArg, OutputFormat};
use crate::clock;
use crate::failure::Failure;
use crate::home::{Access, Home, failed};
use crate::ingest::{Options, Status, take_paths};
use crate::output::{Answer, Cell, amount_shown, emit};
use crate::ownership::{all_totals, apply_org, apply_rules, percent};
use crate::pools;
use crate::progress::Bar;
use crate::spend::{Words, by_words};
use crate::verify::verify;
use crate::view::View;
use crate::world::{World, published};

/// The settings of the sample company's home.
const SETTINGS: &str = "# The sample company: what spend is measured by besides money.
[charter]
volume = \"payment_volume\"
engineer_month = \"25000\"
engineer_currency = \"USD\"
";

/// Runs the demo.
pub(crate) async fn run(args: &DemoArgs) -> Result<(), Failure> {
    let folder = folder(args)?;
    match args.story {
        Some(StoryArg::Reorg) => return crate::story::reorg(args, &folder).await,
        Some(StoryArg::Contract) => return crate::story::contract::play(&folder).await,
        Some(StoryArg::Latency) => return crate::story::latency::play(args, &folder).await,
        None => {}
    }
    let started = clock::now();
    let seconds = |from: leap_terms::Instant| (clock::now().micros() - from.micros()) / 1_000_000;
    let options = CompanyOptions {
        seed: args.seed,
        teams: args.teams,
        months: args.months,
        rows_per_month: args.teams * 21,
        ..CompanyOptions::default()
    };
    eprintln!(
        "making a company of {} teams and its bills of {} months in {} …",
        args.teams,
        args.months,
        folder.display()
    );
    let company =
        company::make(&options, &folder).map_err(|error| failed("make the sample company in", &folder, &error))?;
    let made = seconds(started);

    let root = folder.join("home");
    let settings = root.join("leap.toml");
    std::fs::create_dir_all(&root)
        .and_then(|()| std::fs::write(&settings, SETTINGS))
        .map_err(|error| failed("write", &settings, &error))?;
    let quiet = |path: &Path| (path.to_owned(), FormatArg { format: OutputFormat::Json });
    let (file, format) = quiet(&company.org);
    apply_org(&root, &OrgApplyArgs { file, effective: None, format }, None, false).await?;
    let (file, format) = quiet(&company.rules);
    apply_rules(
        &root,
        &RulesApplyArgs {
            file: Some(file),
            effective: None,
            later: None,
            check: false,
            full: false,
            from_charges: false,
            format,
        },
        false,
    )
    .await?;
    let (file, format) = quiet(&company.pools);
    pools::apply(&root, &PoolApplyArgs { file, effective: None, later: None, format }, false).await?;
    eprintln!(
        "taking in {} deliveries with {} rows, as they arrived …",
        company.deliveries.len(),
        company.rows_delivered
    );
    let began = clock::now();
    let home = Home::open(&root, Access::Write).await?;
    let mut paths: Vec<PathBuf> = company.deliveries.iter().map(|delivery| delivery.path.clone()).collect();
    paths.push(company.volume.clone());
    let options = Options { source: None, again: false, dry_run: false, period: None, replay_of: None };
    let reports = take_paths(&home, &paths, &options, &Bar::new(), &Arc::new(AtomicBool::new(false))).await?;
    let deliveries = reports.len() - 1;
    let refused = reports.iter().filter(|report| report.status == Status::Refused).count();
    let took = seconds(began);
    let began = clock::now();
    let world = World::load(&home, None).await?;
    let totals = all_totals(&home, &world).await?;
    let proof = verify(&home, &world, true).await?;
    let verified = seconds(began);

    emit(&format!(
        "\nHalden Market, a sample company (seed {}): {} teams, {} sub accounts, {} resources\n{} deliveries of 3 clouds taken in, {} refused; {} charges now stand of {} delivered\nmade in {made} s, taken in and attributed in {took} s, proved in {verified} s\n\n",
        args.seed,
        company.teams,
        company.accounts,
        company.resources,
        deliveries,
        refused,
        totals.values().map(|folded| folded.charges()).sum::<u64>(),
        company.rows_delivered,
    ))?;
    summary(&world, &totals)?;
    let owned = crate::world::owned_share(&totals);
    for (currency, (part, all)) in &owned {
        emit(&format!(
            "{currency} {} effective cost: {} owned by teams, {} residual with a steward, 100.0% in exactly one place\n",
            amount_shown(all.costs.effective),
            percent(part.costs.effective, all.costs.effective),
            percent(all.costs.effective - part.costs.effective, all.costs.effective),
        ))?;
    }
    for (currency, share) in shared_share(&home, &world).await? {
        emit(&format!(
            "with {} pools split among their users: {share} of {currency} owned by teams\n",
            company.pool_count
        ))?;
    }
    emit(&format!(
        "\nproof: {} totals recomputed from the raw files by the auditor, difference {}\n",
        proof.lines(),
        proof.difference()
    ))?;
    let dir = root.display();
    let last = world.last_period(Basis::Incurred)?.from().month();
    budgets(&home, &folder.join("budgets.yaml"), last).await?;
    contracts::apply(&home, &folder.join("contracts.yaml"), last).await?;
    let first = last.plus(-i32::try_from(args.months.clamp(1, 3) - 1).unwrap_or(0));
    emit(&format!(
        "\ntry next:\n  leap --home {dir} spend --by team --period {last} --top 10\n  leap --home {dir} spend --by division,service --period {first}..{last}\n  leap --home {dir} explain residual:no-rule --period {last}\n  leap --home {dir} rules suggest\n  leap --home {dir} sql \"SELECT \\\"x_LeapOwner\\\", SUM(\\\"BilledCost\\\") FROM charges GROUP BY 1 ORDER BY 2 DESC LIMIT 5\"\n  leap --home {dir} charter --period {last}\n  leap --home {dir} pool list\n  leap --home {dir} budget check\n  leap --home {dir} contract list\n  leap --home {dir} cycle run\n  leap demo --story contract\n  leap demo --story reorg\n  leap demo --story latency\n"
    ))?;
    if !proof.ok() {
        return Err(Failure::quality("the demo's proof does not hold"));
    }
    if !args.serve {
        return Ok(());
    }
    drop(home);
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    // The usual address where it is free, so that a reader finds it again.
    let usual = std::net::TcpListener::bind(crate::serve::SITE).is_ok();
    let listen = Some(if usual { crate::serve::SITE } else { any });
    emit("\nserving the site; Ctrl-C stops it\n")?;
    let serve = ServeArgs {
        listen,
        open: args.open,
        otlp_http: Some(any),
        otlp_grpc: Some(any),
        public_url: None,
        tls_cert: None,
        tls_key: None,
    };
    crate::serve::run(&root, &serve).await
}

/// Budgets of the last three months: what a unit cost in the month before and 3 % more, in whole hundreds; those of units
/// above are what is below them.
async fn budgets(home: &Home, file: &Path, last: Month) -> Result<(), Failure> {
    let view = View::open(home, &ReadingArgs::now()).await?;
    let mut text = String::from("currency: USD\nbudgets:\n");
    for month in (0..3).rev().map(|back| last.plus(-back)) {
        let words = Words {
            by: "team",
            filter: None,
            under: None,
            period: month.plus(-1).period(),
            cost: CostKind::Effective,
            basis: Basis::Incurred,
        };
        let mut units = BTreeMap::<TeamId, Money>::new();
        let hundred = Money::from_whole(100);
        for row in by_words(home, &view, &words).await?.0 {
            let team = row.values[0].as_deref().and_then(|owner| TeamId::new(owner).ok());
            let cost = Ratio::of(row.amount, hundred).map(|cost| cost.times(103));
            let hundreds = cost.and_then(|cost| cost.per(&Ratio::whole(hundred))?.rounded(0));
            let Some((team, hundreds)) = team.zip(hundreds).filter(|(_, hundreds)| *hundreds > Money::ZERO) else {
                continue;
            };
            let amount: Money = std::iter::repeat_n(hundreds, 100).sum();
            for unit in view.head().org.path(&team, month.first_day()) {
                *units.entry(unit.id.clone()).or_default() += amount;
            }
        }
        for (unit, amount) in units {
            text += &format!("- {{unit: {unit}, period: {month}, amount: {amount}}}\n");
        }
    }
    std::fs::write(file, &text).map_err(|error| failed("write", file, &error))?;
    crate::budget::put(home, "budgets.yaml", text.into_bytes()).await.map(drop)
}

/// Residual by reason, then the teams that make most of the cost.
fn summary(world: &World, totals: &OwnerTotals) -> Result<(), Failure> {
    let mut owners = std::collections::BTreeMap::<(Owner, Currency), Money>::new();
    for ((owner, _, currency), folded) in totals {
        *owners.entry((owner.clone(), currency.clone())).or_default() += folded.costs.effective;
    }
    let all: Money = owners.values().copied().sum();
    let mut teams: Vec<(&(Owner, Currency), &Money)> =
        owners.iter().filter(|((owner, _), _)| matches!(owner, Owner::Team(_))).collect();
    teams.sort_by(|a, b| b.1.cmp(a.1));
    let mut answer = Answer::new("Teams by cost (Pareto)", &["team", "name", "effective", "of all", "running"]);
    let mut running = Money::ZERO;
    for ((owner, _), amount) in teams.iter().take(8) {
        running += **amount;
        let Owner::Team(team) = owner else { continue };
        let name = world.org.unit(team).map(|unit| unit.near(clock::now().day()).name.clone()).unwrap_or_default();
        answer.rows.push(vec![
            Cell::text(team.as_str()),
            Cell::text(name),
            Cell::Amount(**amount),
            Cell::text(percent(**amount, all)),
            Cell::text(percent(running, all)),
        ]);
    }
    answer.print(OutputFormat::Table)?;
    let mut answer = Answer::new("\nResidual by reason", &["reason", "steward", "effective", "of all"]);
    let mut residuals: Vec<_> = owners.iter().filter(|((owner, _), _)| matches!(owner, Owner::Residual(_))).collect();
    residuals.sort_by(|a, b| b.1.cmp(a.1));
    for ((owner, _), amount) in residuals {
        let Owner::Residual(reason) = owner else { continue };
        answer.rows.push(vec![
            Cell::text(reason.to_string()),
            Cell::text(world.rules.steward(reason)),
            Cell::Amount(*amount),
            Cell::text(percent(*amount, all)),
        ]);
    }
    answer.print(OutputFormat::Table)?;
    emit("\n")
}

/// The demo's folder: the one named, which must be new or empty, or the first free one of leap-demo, leap-demo-2 …
fn folder(args: &DemoArgs) -> Result<PathBuf, Failure> {
    let free = |path: &Path| path.read_dir().map_or(!path.exists(), |mut entries| entries.next().is_none());
    let folder = match &args.dir {
        Some(dir) if free(dir) => dir.clone(),
        Some(dir) => {
            return Err(Failure::usage(format!("{} is not empty; name a new folder with --dir", dir.display())));
        }
        None => (1..)
            .map(|number| {
                PathBuf::from(if number == 1 { "leap-demo".to_owned() } else { format!("leap-demo-{number}") })
            })
            .find(|path| free(path))
            .expect("there is always a free number"),
    };
    std::fs::create_dir_all(&folder).map_err(|error| failed("make", &folder, &error))?;
    Ok(folder)
}

/// `leap sample`: data for benchmarks.
pub(crate) fn sample(args: &SampleArgs) -> Result<(), Failure> {
    let container = match args.container.as_str() {
        "csv-gz" => Container::CsvGz,
        "csv" => Container::Csv,
        "csv-zst" => Container::CsvZst,
        "parquet" => Container::Parquet,
        other => return Err(Failure::usage(format!("'{other}' is no container; use csv-gz, csv, csv-zst or parquet"))),
    };
    std::fs::create_dir_all(&args.dir).map_err(|error| failed("make", &args.dir, &error))?;
    match args.rows {
        Some(rows) => {
            let made = company::bench_bill(
                rows,
                args.seed,
                args.month.unwrap_or_else(company::bench_month),
                &args.dir,
                container,
            )
            .map_err(|error| failed("make a bill in", &args.dir, &error))?;
            emit(&format!("{} rows in {} files, billed {}\n", made.rows, made.files.len(), made.totals.billed))
        }
        None => {
            let options = CompanyOptions { seed: args.seed, container, ..CompanyOptions::default() };
            let made =
                company::make(&options, &args.dir).map_err(|error| failed("make a company in", &args.dir, &error))?;
            emit(&format!("{} deliveries, {} rows\n", made.deliveries.len(), made.rows_delivered))
        }
    }
}

/// The share of effective cost that teams have once pools are split, by currency.
async fn shared_share(home: &Home, world: &World) -> Result<Vec<(Currency, String)>, Failure> {
    let reading = ReadingArgs {
        org: OrgArg::AsWas,
        as_known_on: None,
        snapshot: world.snapshot.as_ref().map(|snapshot| snapshot.id),
        pools: PoolsArg::Shared,
        pending: false,
    };
    let view = View::open(home, &reading).await?;
    let mut owned = std::collections::BTreeMap::<Currency, (Money, Money)>::new();
    for ((owner, _, currency), folded) in all_totals(home, world).await? {
        let (part, all) = owned.entry(currency).or_default();
        *all += folded.costs.effective;
        if let Owner::Team(_) = owner {
            *part += folded.costs.effective;
        }
    }
    for shared in view.journal(leap_terms::Period::ALWAYS, Basis::Incurred, &published(home))? {
        for line in shared.lines.iter().filter(|line| matches!(line.owner, Owner::Team(_))) {
            owned.entry(line.currency.clone()).or_default().0 += line.costs.effective;
        }
    }
    Ok(owned.into_iter().map(|(currency, (part, all))| (currency, percent(part, all))).collect())
}
