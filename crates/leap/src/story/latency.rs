//! `leap demo --story latency`: an API misses its objective; whose it is, what could be saved, and the proof of the repair.

use std::path::Path;

use leap_orient::tail::Quantile;
use leap_sim::company::traces::{self, Scale};
use leap_sim::company::{self, CompanyOptions};
use leap_terms::Month;

use super::{MONTHS, Story, TEAMS, say};
use crate::cli::{DemoArgs, OrgArg, PoolsArg, ReadingArgs};
use crate::failure::Failure;
use crate::home::{Access, Home, failed};
use crate::output::emit;
use crate::view::View;

/// Plays it.
pub(crate) async fn play(args: &DemoArgs, folder: &Path) -> Result<(), Failure> {
    let options = CompanyOptions {
        seed: args.seed,
        teams: TEAMS,
        months: MONTHS,
        first_month: Month::new(2026, 4).expect("April is a month"),
        rows_per_month: TEAMS,
        restatements: false,
        ..CompanyOptions::default()
    };
    let company =
        company::make(&options, folder).map_err(|error| failed("make the sample company in", folder, &error))?;
    let files = folder.join("traces");
    let truth = traces::write(&options, Scale::PROOF, &files)
        .map_err(|error| failed("write the traces of the sample company to", &files, &error))?;
    let rules = folder.join("rules-with-services.yaml");
    let own = std::fs::read_to_string(&company.rules).map_err(|error| failed("read", &company.rules, &error))?;
    std::fs::write(&rules, truth.rules_with(&own)).map_err(|error| failed("write", &rules, &error))?;
    let home = folder.join("home");
    let story = Story { home: &home, folder };
    let path = |path: &Path| path.display().to_string();

    let api = format!("{} {}", truth.api.service, truth.api.operation);
    let (first, last) = (truth.days.first(), truth.days.last());
    let (first, last) = first
        .zip(last)
        .map(|(first, last)| (first.day, last.day))
        .ok_or_else(|| Failure::failed("the sample company has no traces"))?;
    let before = format!("{first}..{}", truth.repair.day);
    let after = format!("{}..{}", truth.repair.day.plus(1), last.plus(1));
    let objective = format!("{}ms", truth.objective_ns / 1_000_000);

    say(&format!(
        "{TEAMS} teams of Halden Market, four weeks of its payment APIs: every request, {} of them",
        truth.days.iter().map(|day| day.requests).sum::<u64>()
    ))?;
    story.type_in(&["org", "apply", &path(&company.org)]).await?;
    story.type_in(&["rules", "apply", &path(&rules)]).await?;
    emit("$ leap ingest traces\n")?;
    let writing = Home::open(&home, Access::Write).await?;
    let intake = crate::ingest::Options { source: None, again: false, dry_run: false, period: None, replay_of: None };
    let bar = crate::progress::Bar::new();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let taken = crate::ingest::take_paths(&writing, std::slice::from_ref(&files), &intake, &bar, &stop).await?;
    drop(writing);
    emit(&format!(
        "{} files taken in, {} spans\n\n",
        taken.len(),
        truth.days.iter().map(|day| day.spans).sum::<u64>()
    ))?;

    say(&format!("{api} promises {objective} at p99.9 and takes longer. Whose is the tail?"))?;
    story.type_in(&["latency", "--api", &api, "--period", &before, "--objective", &objective, "--what-if"]).await?;

    say("One of the slowest, span by span")?;
    let slowest = slowest(&home, &api, &before).await?;
    story.type_in(&["latency", "explain", &slowest.1]).await?;

    say(&format!(
        "On {} {} deploys {} {}. Two weeks later: is it really faster, by how much, and was it them?",
        truth.repair.day, truth.repair.team, truth.repair.service, truth.repair.to_version
    ))?;
    let control = format!("{} {}", truth.control.service, truth.control.operation);
    story
        .type_in(&[
            "latency",
            "diff",
            &before,
            &after,
            "--api",
            &api,
            "--team",
            &truth.repair.team,
            "--control",
            &control,
            "--registered",
            "initiative ledger-locks, written down before the change",
        ])
        .await?;

    // What the story claims, against what the sample company knows of its own requests.
    for (what, found, true_ns, expected) in [
        ("before", slowest.0, truth.before_ns, &truth.expected_before_ns),
        ("after", quantile(&home, &api, &after).await?, truth.after_ns, &truth.expected_after_ns),
    ] {
        if found != true_ns || !expected.contains(&found) {
            return Err(Failure::quality(format!(
                "p99.9 {what} is {found} ns and should be {true_ns} ns, in {expected:?}"
            )));
        }
    }
    say(&format!(
        "p99.9 fell from {} to {}, the same nanoseconds that the requests were made with",
        crate::latency::shown(i128::from(truth.before_ns)),
        crate::latency::shown(i128::from(truth.after_ns))
    ))?;
    emit(&format!("The same on pages: leap --home {} serve, then /latency\n", home.display()))
}

async fn loaded(home: &Path, api: &str, period: &str) -> Result<crate::latency::question::Loaded, Failure> {
    let home = Home::open(home, Access::Read).await?;
    let reading =
        ReadingArgs { org: OrgArg::AsWas, as_known_on: None, snapshot: None, pools: PoolsArg::Shared, pending: false };
    let view = View::open(&home, &reading).await?;
    let period = period.parse().map_err(Failure::usage)?;
    crate::latency::question::load(&home, &view, Some(api), Some(period), true).await
}

/// The p99.9 of an API, and the trace of its slowest request.
async fn slowest(home: &Path, api: &str, period: &str) -> Result<(u64, String), Failure> {
    let loaded = loaded(home, api, period).await?;
    let rows = loaded.requests.rows();
    let at = (0..rows.len()).max_by_key(|at| rows[*at].latency_ns);
    let trace = at.and_then(|at| loaded.requests.ids(at)).map(|(trace, _)| trace.to_owned()).unwrap_or_default();
    Ok((nearest(&loaded), trace))
}

async fn quantile(home: &Path, api: &str, period: &str) -> Result<u64, Failure> {
    Ok(nearest(&loaded(home, api, period).await?))
}

fn nearest(loaded: &crate::latency::question::Loaded) -> u64 {
    let mut sorted: Vec<_> = loaded.requests.rows().iter().map(|row| (row.latency_ns, row.weight)).collect();
    sorted.sort_unstable();
    leap_orient::tail::quantile::nearest_rank(&sorted, Quantile::p999()).unwrap_or(0)
}
