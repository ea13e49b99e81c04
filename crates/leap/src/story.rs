//! `leap demo --story reorg`: a year in a company, played on the terminal. Each line that starts with `$` is a command as a
//! person would type it, run by the same code; what it prints follows. At the end the story checks what it claims.

pub(crate) mod contract;
pub(crate) mod latency;

use std::path::Path;

use clap::Parser;
use leap_sim::company::{self, CompanyOptions};
use leap_terms::{CostKind, Instant, Money, Month};

use crate::cli::{BasisArg, Cli, DemoArgs, OrgArg, PoolsArg, ReadingArgs};
use crate::explain::basis;
use crate::failure::Failure;
use crate::home::{Access, Home, failed};
use crate::output::emit;
use crate::view::View;
use crate::world::published;

/// Teams of the story's company: enough to be one, few enough to read.
const TEAMS: usize = 120;
const MONTHS: usize = 6;

struct Story<'a> {
    home: &'a Path,
    folder: &'a Path,
}

impl Story<'_> {
    /// Runs a command as if it had been typed.
    async fn type_in(&self, words: &[&str]) -> Result<(), Failure> {
        let folder = self.folder.display().to_string();
        let shown: Vec<String> = words
            .iter()
            .map(|word| {
                let word = word.replace(&format!("{folder}/"), "");
                if word.contains(' ') { format!("\"{word}\"") } else { word }
            })
            .collect();
        emit(&format!("$ leap {}\n", shown.join(" ")))?;
        let home = self.home.display().to_string();
        let all = ["leap", "--home", &home].into_iter().chain(words.iter().copied());
        let cli = Cli::try_parse_from(all).map_err(|error| Failure::usage(error.to_string()))?;
        Box::pin(crate::run(&cli)).await?;
        emit("\n")
    }

    async fn digest(&self) -> Result<(String, Instant), Failure> {
        let home = Home::open(self.home, Access::Read).await?;
        let head = home.book.head().await.map_err(|error| Failure::from_error(&error))?;
        head.map(|head| (head.digest.to_string(), head.recorded_at))
            .ok_or_else(|| Failure::failed("the story has no snapshot"))
    }

    /// The effective cost of a month in a reading.
    async fn total(&self, month: Month, org: OrgArg, known: Option<Instant>, pending: bool) -> Result<Money, Failure> {
        let home = Home::open(self.home, Access::Read).await?;
        let reading = ReadingArgs { org, as_known_on: known, snapshot: None, pools: PoolsArg::Shared, pending };
        let view = View::open(&home, &reading).await?;
        let open = published(&home);
        let mut sum = Money::ZERO;
        for (layer, slice) in view.slices() {
            if slice.scope.billing_period == month {
                for (_, folded) in view.layer(layer).daily(&slice, &open)?.rows() {
                    sum += folded.costs[CostKind::Effective];
                }
            }
        }
        for shared in view.journal(month.period(), basis(BasisArg::Invoiced), &open)? {
            sum += shared.lines.iter().map(|line| line.costs[CostKind::Effective]).sum();
        }
        Ok(sum)
    }
}

fn say(text: &str) -> Result<(), Failure> {
    emit(&format!("── {text}\n\n"))
}

/// Plays the reorg.
pub(crate) async fn reorg(args: &DemoArgs, folder: &Path) -> Result<(), Failure> {
    let options = CompanyOptions {
        seed: args.seed,
        teams: TEAMS,
        months: MONTHS,
        first_month: Month::new(2026, 4).expect("April is a month"),
        rows_per_month: TEAMS * 21,
        restatements: false,
        ..CompanyOptions::default()
    };
    let company =
        company::make(&options, folder).map_err(|error| failed("make the sample company in", folder, &error))?;
    let home = folder.join("home");
    let story = Story { home: &home, folder };
    let path = |path: &Path| path.display().to_string();
    let closed = Month::new(2026, 8).expect("August is a month");

    say(&format!(
        "{TEAMS} teams of Halden Market, six months of bills from three clouds, platforms shared by drivers"
    ))?;
    story.type_in(&["org", "apply", &path(&company.org)]).await?;
    story.type_in(&["rules", "apply", &path(&company.rules)]).await?;
    story.type_in(&["pool", "apply", &path(&company.pools)]).await?;
    // One line per delivery would be a screen of its own.
    emit("$ leap ingest deliveries\n")?;
    let bills = Home::open(&home, Access::Write).await?;
    let paths: Vec<_> = company.deliveries.iter().map(|delivery| delivery.path.clone()).collect();
    let options = crate::ingest::Options { source: None, again: false, dry_run: false, period: None, replay_of: None };
    let bar = crate::progress::Bar::new();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let taken = crate::ingest::take_paths(&bills, &paths, &options, &bar, &stop).await?;
    drop(bills);
    emit(&format!("{} deliveries taken in\n\n", taken.len()))?;

    say("August is final: Finance closes it")?;
    story.type_in(&["period", "close", "2026-08"]).await?;
    let (before, known) = story.digest().await?;
    let total = story.total(closed, OrgArg::AsWas, None, false).await?;

    say("In October the company says: since the start of August some teams work elsewhere, some were merged")?;
    let effective = "2026-08-01";
    story
        .type_in(&[
            "org",
            "plan",
            &path(&company.org_next),
            "--effective",
            effective,
            "-o",
            &path(&folder.join("plan.json")),
        ])
        .await?;
    say("Nothing changed yet. The plan is applied exactly as it was shown")?;
    story.type_in(&["org", "apply", &path(&folder.join("plan.json"))]).await?;

    say("August is closed: its figures stay those of the statement, and the difference is explained by cause")?;
    story.type_in(&["spend", "--by", "org", "--period", "2026-08", "--basis", "invoiced"]).await?;
    story.type_in(&["period", "diff", "2026-08"]).await?;

    say("The same month as it was, as it is, and as it was known before: one total")?;
    let at = known.to_string();
    story.type_in(&["spend", "--by", "org", "--period", "2026-08", "--basis", "invoiced", "--pending"]).await?;
    story.type_in(&["spend", "--by", "org", "--period", "2026-08", "--basis", "invoiced", "--org", "as-is"]).await?;
    story
        .type_in(&["spend", "--by", "org", "--period", "2026-08", "--basis", "invoiced", "--as-known-on", &at])
        .await?;
    let readings = [
        ("as it was", story.total(closed, OrgArg::AsWas, None, false).await?),
        ("as it was, pending", story.total(closed, OrgArg::AsWas, None, true).await?),
        ("as it is", story.total(closed, OrgArg::AsIs, None, true).await?),
        ("as known before", story.total(closed, OrgArg::AsWas, Some(known), false).await?),
    ];
    for (name, sum) in &readings {
        emit(&format!("{name:<20} {sum}\n"))?;
        if *sum != total {
            return Err(Failure::quality(format!("August {name} is {sum}, its statement says {total}")));
        }
    }
    emit("\n")?;

    say("An approval makes it a restatement; both statements can be made again to the byte")?;
    let seen = crate::periods::difference(&home, closed).await?;
    let restate =
        ["period", "restate", "2026-08", "--approved-by", "cfo", "--reason", "reorg of August", "--expect", &seen];
    story.type_in(&restate).await?;
    story.type_in(&["period", "list"]).await?;

    say(
        "The reorg is called off: it is taken back. What is known is what it was, to the last byte; August waits for its next restatement",
    )?;
    story.type_in(&["org", "revert", "1"]).await?;
    story.type_in(&["org", "log"]).await?;
    let (after, _) = story.digest().await?;
    emit(&format!("snapshot before the reorg  {before}\nsnapshot after the revert  {after}\n"))?;
    if before != after {
        return Err(Failure::quality("the digest after the revert is not the one of before"));
    }
    emit(&format!("identical; August is {total} in every reading\n"))?;
    Ok(())
}
