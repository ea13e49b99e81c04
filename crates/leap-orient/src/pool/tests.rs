//! Stories of sharing, in the notation of the people who read the journal.

mod commitments;
mod files;
mod idle;
mod orders;
mod policies;
mod pools;
mod random;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use expect_test::Expect;
use leap_terms::{Costs, Currency, Day, Exact, Fault, Owner, Period, TeamId};

use super::*;
use crate::org::Org;

/// Payments has 12 people, search 8, growth none that anybody counted; old-team ended on the 10th without a successor.
const ORG: &str = "
units:
- {id: acme, name: Acme, kind: company}
- {id: product, name: Product, kind: division, parent: acme}
- {id: payments, name: Payments, parent: product, aliases: [pay]}
- {id: search, name: Search, parent: product}
- {id: growth, name: Growth, parent: acme}
- {id: old-team, name: Old, parent: acme, effective: {until: 2026-09-10}}
- {id: twin-a, name: Twin, parent: acme}
- {id: twin-b, name: Twin, parent: acme}
";

fn org() -> Org {
    Org::from_yaml("org.yaml", ORG).unwrap()
}

struct Heads(Org);

impl HeadCounts for Heads {
    fn head_count(&self, unit: &TeamId, _: Day) -> Option<u32> {
        BTreeMap::from([("acme", 100), ("product", 20), ("payments", 12), ("search", 8)]).get(unit.as_str()).copied()
    }

    fn units_on(&self, day: Day) -> Vec<TeamId> {
        self.0.units_on(day)
    }

    fn kind(&self, unit: &TeamId, day: Day) -> Option<String> {
        self.0.kind(unit, day)
    }

    fn parent(&self, unit: &TeamId, day: Day) -> Option<TeamId> {
        HeadCounts::parent(&self.0, unit, day)
    }
}

fn parse(text: &str, files: &[(&str, &str)]) -> Result<Pools, Vec<Fault>> {
    let read = |name: &str| {
        let found = files.iter().find(|(file, _)| *file == name);
        found.map(|(_, text)| DriverFile::Csv(text.as_bytes().to_vec())).ok_or_else(|| "no such file".to_owned())
    };
    Pools::parse("pools.yaml", text, &read, &org())
}

fn pools_of(text: &str, files: &[(&str, &str)]) -> Pools {
    parse(text, files).unwrap_or_else(|faults| panic!("{}", leap_terms::fault::list(&faults)))
}

/// Lines `day owner currency effective [commitment status contracted]`; day 5 is 2026-09-05. The other costs are the
/// effective cost, but for contracted where it is written.
fn facts_of(text: &str) -> Facts {
    let mut facts = Facts::default();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let effective: Exact = words[3].parse().unwrap();
        let contracted = words.get(6).map_or(effective, |text| text.parse().unwrap());
        facts.add(FactRow {
            day: day(words[0]),
            owner: words[1].parse().unwrap(),
            commitment: words.get(4).copied().filter(|id| *id != "-"),
            commitment_status: words.get(5).copied(),
            currency: Currency::new(words[2]).unwrap(),
            costs: Costs { billed: effective, effective, list: effective, contracted },
        });
    }
    facts
}

fn day(text: &str) -> Day {
    match text.parse::<u32>() {
        Ok(of_month) => Day::from_ymd(2026, 9, of_month).unwrap(),
        Err(_) => text.parse().unwrap(),
    }
}

fn september() -> Period {
    "2026-09".parse().unwrap()
}

fn journal(pools: &Pools, facts: &Facts, period: Period) -> Journal {
    let org = org();
    share(pools, &org, &Heads(org.clone()), facts, period).unwrap()
}

fn explained(pools: &Pools, facts: &Facts, pool: &str, on: Day) -> Explanation {
    let org = org();
    explain(pools, &org, &Heads(org.clone()), facts, pool, on).unwrap()
}

fn shown(journal: &Journal) -> String {
    let mut text = String::new();
    for line in &journal.lines {
        let (_, _, of_month) = line.day.ymd();
        let head = format!("{of_month:02} {:8} {} {}", line.pool, line.currency, line.line.word());
        write!(text, "{head:24} {:20} {:>12}", line.owner.to_string(), line.costs.effective.to_string()).unwrap();
        if line.costs.billed != line.costs.effective {
            write!(text, "  billed {}", line.costs.billed).unwrap();
        }
        text.push('\n');
    }
    text
}

/// Shares September and shows the lines; whatever the story, what must always hold is checked as well.
fn check(pools: &str, files: &[(&str, &str)], facts: &str, expected: Expect) {
    let (pools, facts) = (pools_of(pools, files), facts_of(facts));
    let whole = journal(&pools, &facts, september());
    always(&pools, &facts, &whole);
    expected.assert_eq(&shown(&whole));
}

fn always(pools: &Pools, facts: &Facts, whole: &Journal) {
    // Totals are what they were.
    let mut sums: BTreeMap<Currency, Costs> = BTreeMap::new();
    for ((_, currency), costs) in whole.totals() {
        *sums.entry(currency).or_default() += costs;
    }
    assert!(sums.values().all(|costs| *costs == Costs::default()), "{sums:?}");
    // Day by day is the month.
    let mut by_day = Journal::default();
    for on in (september().from().days()..september().until().days()).map(Day::from_days) {
        let lines = journal(pools, facts, Period::new(on, on.plus(1)).unwrap()).lines;
        by_day.lines.extend(lines);
    }
    assert_eq!(&by_day, whole);
    // Explanations come to the same money.
    for line in whole.lines.iter().filter(|line| matches!(line.line, LineKind::Use | LineKind::Idle)) {
        let explanation = explained(pools, facts, &line.pool, line.day);
        let parts = explanation.parts.iter().filter(|part| part.currency == line.currency);
        let shares = parts.flat_map(|part| &part.shares).filter(|share| match &share.target {
            solve::Target::Team(team) => line.owner == Owner::Team(team.clone()),
            solve::Target::Idle => line.line == LineKind::Idle,
            solve::Target::Keep => false,
        });
        assert_eq!(shares.fold(Costs::default(), |sum, share| sum + share.costs), line.costs);
    }
}
