//! From the end of an ingest to the message leaving, in a company of many teams and services.
//!
//! ```text
//! cargo xtask bench cycle
//! 800 teams x 60 services, 377 days and one more each round; the first turn, ingest included, 70.5s
//! day            ingest s    budget left s     drift left s
//! 2026-10-14          2.9             1.52             3.19  aim 5 s met
//! ```
//! `leap serve` runs and takes turns by itself. Each round takes in a bill that is one day longer, and in which one team exceeds
//! its budget; the time runs from the end of `leap ingest` until that team's messages, of its budget and of its
//! drift, stand in the file of the channel. All series cost enough to be watched. The bill
//! of a month is delivered whole each time, as providers do.

use std::fmt::{self, Write as _};
use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::{bench, root, run};

const AIM: Duration = Duration::from_secs(5);
/// Rounds that are measured.
const ROUNDS: u32 = 5;
/// Everything happens at this time: what is measured is how long it takes.
const NOW: &str = "2026-10-20T08:00:00Z";
const HEADER: &str = "BilledCost,BillingAccountId,BillingAccountName,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargeClass,ChargeDescription,ChargePeriodEnd,ChargePeriodStart,ContractedCost,EffectiveCost,InvoiceIssuerName,ListCost,PricingQuantity,PricingUnit,ProviderName,PublisherName,RegionId,ResourceId,ServiceCategory,ServiceName,SubAccountId,Tags";

/// Days of the measured month that are known before it is measured.
const KNOWN: u32 = 12;

/// A month of bills, and how many of its days are billed.
#[derive(Clone, Copy)]
struct Month {
    year: u32,
    number: u32,
    days: u32,
}

/// The month in which everything happens.
const MEASURED: Month = Month { year: 2026, number: 10, days: 31 };

impl Month {
    /// A whole month so many before the measured one.
    fn before(back: u32) -> Month {
        let at = MEASURED.year * 12 + MEASURED.number - 1 - back;
        let (year, number) = (at / 12, at % 12 + 1);
        let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match number {
            2 if is_leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        Month { year, number, days }
    }

    /// The month after it.
    fn next(self) -> Month {
        let at = self.year * 12 + self.number;
        Month { year: at / 12, number: at % 12 + 1, days: 1 }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{:02}", self.year, self.number)
    }
}

struct Options {
    teams: u32,
    services: u32,
    /// Whole months before the one that is measured.
    months: u32,
    dev: bool,
}

fn options(mut rest: &[&str]) -> Result<Options, String> {
    let mut options = Options { teams: 800, services: 60, months: 12, dev: false };
    let number = |text: &str| text.parse().map_err(|_| format!("'{text}' is no number"));
    loop {
        rest = match rest {
            [] => return Ok(options),
            ["--teams", text, more @ ..] => {
                options.teams = number(text)?;
                more
            }
            ["--services", text, more @ ..] => {
                options.services = number(text)?;
                more
            }
            ["--months", text, more @ ..] => {
                options.months = number(text)?;
                more
            }
            ["--dev", more @ ..] => {
                options.dev = true;
                more
            }
            _ => {
                return Err(
                    "usage: cargo xtask bench cycle [--teams 800] [--services 60] [--months 12] [--dev]".to_owned()
                );
            }
        };
    }
}

/// `cargo xtask bench cycle`.
pub(crate) fn cycle(rest: &[&str]) -> Result<(), String> {
    let options = options(rest)?;
    let (leap, _) = bench::leap(options.dev)?;
    let folder = root().join("target/bench/cycle");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("could not clear {}: {error}", folder.display()))?;
    }
    let bench = Bench { leap: &leap, folder: &folder, options: &options };
    bench.company()?;
    bench.measure()
}

struct Bench<'a> {
    leap: &'a Path,
    folder: &'a Path,
    options: &'a Options,
}

impl Bench<'_> {
    fn write(&self, name: &str, text: &str) -> Result<String, String> {
        let path = self.folder.join(name);
        let parent = path.parent().unwrap_or(self.folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| format!("could not write {}: {error}", path.display()))?;
        Ok(path.display().to_string())
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.leap);
        command.arg("--home").arg(self.folder.join("home")).args(words).env("LEAP_NOW", NOW).env_remove("LEAP_HOME");
        command
    }

    fn leap(&self, words: &[&str]) -> Result<(), String> {
        run(self.command(words).stdout(Stdio::null()))
    }

    /// Org, rules, budgets, and the months before in the book.
    fn company(&self) -> Result<(), String> {
        let mut org = String::from("units:\n- {id: halden, name: Halden, kind: company, lead: ann}\n");
        let mut budgets = String::from("currency: USD\nbudgets:\n");
        for team in 0..self.options.teams {
            let _ = writeln!(
                org,
                "- {{id: team-{team:03}, name: Team {team}, kind: team, parent: halden, lead: lead-{team:03}}}"
            );
            // More than the month will cost.
            let amount = self.options.services * 400;
            let _ = writeln!(budgets, "- {{unit: team-{team:03}, period: 2026-10, amount: {amount}}}");
        }
        let rules = "rules:\n- {id: tag, owner: {from: \"Tags['team']\"}}\nresidual: {steward: halden}\n";
        let settings =
            "[cycle]\nact = true\n\n[[channels]]\nname = \"log\"\ntype = \"file\"\npath = \"messages.jsonl\"\n";
        self.write("home/leap.toml", settings)?;
        for (command, name, text) in [("org", "org.yaml", org.as_str()), ("rules", "rules.yaml", rules)] {
            let path = self.write(name, text)?;
            self.leap(&[command, "apply", &path])?;
        }
        for back in (1..=self.options.months).rev() {
            self.take_in(Month::before(back), None)?;
        }
        self.take_in(Month { days: KNOWN, ..MEASURED }, None)?;
        let path = self.write("budgets.yaml", &budgets)?;
        self.leap(&["budget", "apply", &path])
    }

    /// Makes the bill of a month up to a day, in which a team spends as much as a whole company on the last one.
    fn bill(&self, of: Month, spender: Option<u32>) -> Result<PathBuf, String> {
        let (month, days) = (of.to_string(), of.days);
        let path = self.folder.join("bill.csv");
        let problem = |error: std::io::Error| format!("could not write {}: {error}", path.display());
        let mut out = BufWriter::new(fs::File::create(&path).map_err(problem)?);
        let next = format!("{}-01T00:00:00Z", of.next());
        writeln!(out, "{HEADER}").map_err(problem)?;
        for day in 1..=days {
            for team in 0..self.options.teams {
                for service in 0..self.options.services {
                    // About ten dollars, other ones each day: enough to be watched for drift.
                    let wobble = (day * 7 + team * 13 + service * 31) % 21;
                    let spends = spender == Some(team) && day == days;
                    let cents = if spends { 10_000_000 } else { 900 + 10 * wobble };
                    let amount = format!("{}.{:02}", cents / 100, cents % 100);
                    writeln!(
                        out,
                        "{amount},acc,Halden,USD,{next},{month}-01T00:00:00Z,Usage,,a charge,{month}-{day:02}T01:00:00Z,\
                         {month}-{day:02}T00:00:00Z,{amount},{amount},AWS,{amount},1,Hours,AWS,AWS,eu-west-1,r-{team}-{service},\
                         Compute,Service {service:02},sub-{team},\"{{\"\"team\"\": \"\"team-{team:03}\"\"}}\""
                    )
                    .map_err(problem)?;
                }
            }
        }
        out.flush().map_err(problem)?;
        Ok(path)
    }

    fn take_in(&self, month: Month, spender: Option<u32>) -> Result<Duration, String> {
        let path = self.bill(month, spender)?;
        let begun = Instant::now();
        self.leap(&["ingest", &path.display().to_string()])?;
        let took = begun.elapsed();
        fs::remove_file(&path).map_err(|error| format!("could not remove {}: {error}", path.display()))?;
        Ok(took)
    }

    /// Waits until the channel's file has a text; how long that took since an instant.
    fn wait_for(&self, text: &str, since: Instant) -> Result<Duration, String> {
        let path = self.folder.join("home/messages.jsonl");
        while since.elapsed() < Duration::from_secs(600) {
            if fs::read_to_string(&path).is_ok_and(|log| log.contains(text)) {
                return Ok(since.elapsed());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(format!("no message with {text} came in ten minutes"))
    }

    fn measure(&self) -> Result<(), String> {
        let any = "127.0.0.1:0";
        let log = self.folder.join("serve.log");
        let problem = |error: std::io::Error| format!("could not start leap serve: {error}");
        let file = fs::File::create(&log).map_err(problem)?;
        let mut serve = self.command(&["serve", "--listen", any, "--otlp-http", any, "--otlp-grpc", any]);
        let mut child = serve.stderr(file).stdout(Stdio::null()).spawn().map_err(problem)?;
        let ended = self.rounds();
        let stopped = child.kill().and_then(|()| child.wait());
        ended?;
        stopped.map(drop).map_err(|error| format!("leap serve did not end: {error}"))
    }

    fn rounds(&self) -> Result<(), String> {
        let Options { teams, services, months, .. } = self.options;
        // The first turn of a home looks at all of its history.
        let begun = Instant::now();
        self.take_in(Month { days: KNOWN, ..MEASURED }, Some(0))?;
        let first = self.wait_for("leap:drift_found:team-000:", begun)?;
        let known: u32 = (1..=*months).map(|back| Month::before(back).days).sum::<u32>() + KNOWN;
        println!(
            "{teams} teams x {services} services, {known} days and one more each round; the first turn, ingest included, {first:.1?}"
        );
        println!("{:<12} {:>10} {:>16} {:>16}", "day", "ingest s", "budget left s", "drift left s");
        let mut worst = Duration::ZERO;
        for round in 1..=ROUNDS {
            let month = Month { days: KNOWN + round, ..MEASURED };
            let took = self.take_in(month, Some(round))?;
            let begun = Instant::now();
            let budget = self.wait_for(&format!("leap:budget_breached:team-{round:03}:"), begun)?;
            let drift = self.wait_for(&format!("leap:drift_found:team-{round:03}:"), begun)?;
            worst = worst.max(budget).max(drift);
            let aim = if budget.max(drift) <= AIM { "met" } else { "missed" };
            println!(
                "{month}-{:02}   {:>10.1} {:>16.2} {:>16.2}  aim {} s {aim}",
                month.days,
                took.as_secs_f64(),
                budget.as_secs_f64(),
                drift.as_secs_f64(),
                AIM.as_secs()
            );
        }
        println!("the longest {:.2} s", worst.as_secs_f64());
        Ok(())
    }
}
