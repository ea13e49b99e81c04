//! From the end of an ingest to the message leaving, in a company of many teams and services.
//!
//! ```text
//! cargo xtask bench cycle
//! 800 teams x 60 services, 75 days of charges: 3,600,000 charges
//! ingest of a day   ingest s   message left after s     aim 5 s
//! 2026-10-13            31.4                    3.2     met
//! ```
//! `leap serve` runs and takes turns by itself. Each round takes in a bill that is one day longer, and in which one team exceeds
//! its budget; the time runs from the end of `leap ingest` until that team's message stands in the file of the channel. The bill
//! of a month is delivered whole each time, as providers do.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::{bench, root, run};

const AIM: Duration = Duration::from_secs(5);
/// Rounds that are measured.
const ROUNDS: u32 = 5;
/// Everything happens at this time: what is measured is how long it takes.
const NOW: &str = "2026-10-20T08:00:00Z";
const HEADER: &str = "BilledCost,BillingAccountId,BillingAccountName,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargeClass,ChargeDescription,ChargePeriodEnd,ChargePeriodStart,ContractedCost,EffectiveCost,InvoiceIssuerName,ListCost,PricingQuantity,PricingUnit,ProviderName,PublisherName,RegionId,ResourceId,ServiceCategory,ServiceName,SubAccountId,Tags";

struct Options {
    teams: u32,
    services: u32,
    dev: bool,
}

fn options(mut rest: &[&str]) -> Result<Options, String> {
    let mut options = Options { teams: 800, services: 60, dev: false };
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
            ["--dev", more @ ..] => {
                options.dev = true;
                more
            }
            _ => return Err("usage: cargo xtask bench cycle [--teams 800] [--services 60] [--dev]".to_owned()),
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

    /// Org, rules, budgets, and August and September in the book.
    fn company(&self) -> Result<(), String> {
        let mut org = String::from("units:\n- {id: halden, name: Halden, kind: company, lead: ann}\n");
        let mut budgets = String::from("currency: USD\nbudgets:\n");
        for team in 0..self.options.teams {
            let _ = writeln!(
                org,
                "- {{id: team-{team:03}, name: Team {team}, kind: team, parent: halden, lead: lead-{team:03}}}"
            );
            // More than the month will cost.
            let amount = self.options.services * 40;
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
        for (month, days) in [("2026-08", 31), ("2026-09", 30), ("2026-10", 12)] {
            self.take_in(month, days, None)?;
        }
        let path = self.write("budgets.yaml", &budgets)?;
        self.leap(&["budget", "apply", &path])
    }

    /// Makes the bill of a month up to a day, in which a team spends as much as a whole company on the last one.
    fn bill(&self, month: &str, days: u32, spender: Option<u32>) -> Result<String, String> {
        let path = self.folder.join(format!("bill-{month}.csv"));
        let problem = |error: std::io::Error| format!("could not write {}: {error}", path.display());
        let mut out = BufWriter::new(fs::File::create(&path).map_err(problem)?);
        let number: u32 = month[5..].parse().map_err(|_| format!("{month} is no month"))?;
        let next = format!("2026-{:02}-01T00:00:00Z", number + 1);
        writeln!(out, "{HEADER}").map_err(problem)?;
        for day in 1..=days {
            for team in 0..self.options.teams {
                for service in 0..self.options.services {
                    // About a dollar, other ones each day.
                    let wobble = (day * 7 + team * 13 + service * 31) % 21;
                    let spends = spender == Some(team) && day == days;
                    let cents = if spends { 10_000_000 } else { 90 + wobble };
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
        Ok(path.display().to_string())
    }

    fn take_in(&self, month: &str, days: u32, spender: Option<u32>) -> Result<Duration, String> {
        let path = self.bill(month, days, spender)?;
        let begun = Instant::now();
        self.leap(&["ingest", &path])?;
        Ok(begun.elapsed())
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
        let Options { teams, services, .. } = self.options;
        // The first turn of a home looks at all of its history.
        let begun = Instant::now();
        self.take_in("2026-10", 12, Some(0))?;
        let first = self.wait_for("leap:budget_breached:team-000:", begun)?;
        println!(
            "{teams} teams x {services} services, 73 days and one more each round; the first turn, ingest included, {first:.1?}"
        );
        println!("{:<12} {:>10} {:>22}", "day", "ingest s", "message left after s");
        let mut worst = Duration::ZERO;
        for round in 1..=ROUNDS {
            let day = 12 + round;
            let took = self.take_in("2026-10", day, Some(round))?;
            let begun = Instant::now();
            let left = self.wait_for(&format!("leap:budget_breached:team-{round:03}:"), begun)?;
            worst = worst.max(left);
            let aim = if left <= AIM { "met" } else { "missed" };
            println!(
                "2026-10-{day:02}   {:>10.1} {:>22.2}  aim {} s {aim}",
                took.as_secs_f64(),
                left.as_secs_f64(),
                AIM.as_secs()
            );
        }
        println!("the longest {:.2} s", worst.as_secs_f64());
        Ok(())
    }
}
