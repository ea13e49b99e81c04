//! Every rule of sharing by an example worked out by hand.

use std::fmt::Write as _;

use super::*;

const ORG: &str = "units:
- id: acme
  spans: [{kind: \"company\"}]
- id: a
  spans: [{kind: \"team\", parent: \"acme\", head_count: 3}]
- id: b
  spans: [{kind: \"team\", parent: \"acme\", head_count: 1, aliases: [\"bee\"]}]
- id: c
  spans:
  - {until: 2026-08-03, kind: \"team\", parent: \"acme\", head_count: 4, successor: \"b\"}
- id: d
  spans: [{kind: \"office\", parent: \"b\", head_count: 4}]
";

fn amount(text: &str) -> Amount {
    Amount::cost(text).unwrap()
}

fn charge(day: &str, owner: &str, cost: &str) -> PoolCharge {
    let day: Day = format!("2026-08-{day}").parse().unwrap();
    let costs = [0; 4].map(|_| amount(cost));
    PoolCharge {
        day,
        month: day.month(),
        owner: owner.into(),
        currency: "USD".into(),
        costs,
        commitment: None,
        used: false,
    }
}

fn journal(pools: &str, drivers: &str, charges: &[PoolCharge]) -> Result<Journal, String> {
    let files = |name: &str| (name == "w.csv").then(|| drivers.as_bytes().to_vec());
    let pools = Pools::read(pools, &files).map_err(|fault| fault.to_string())?;
    Ok(pools.journal(&History::read(ORG).unwrap(), charges))
}

/// `03 k: a 6, b 4, k -10`: per day and pool the billed costs of all lines; idle lines are marked.
fn shown(pools: &str, drivers: &str, charges: &[PoolCharge]) -> String {
    let mut out = String::new();
    let mut before = String::new();
    for ((day, pool, owner, line, _), costs) in journal(pools, drivers, charges).unwrap() {
        let head = format!("{} {pool}:", &day.to_string()[8..]);
        if head != before {
            let between = if out.is_empty() { "" } else { "; " };
            write!(out, "{between}{head}").unwrap();
        } else {
            out.push(',');
        }
        before = head;
        let owner = owner.strip_prefix(OF_POOL).unwrap_or(&owner);
        let idle = if line == Line::Idle { " idle" } else { "" };
        write!(out, " {owner}{idle} {}", costs[0]).unwrap();
    }
    out
}

/// One pool `k` with a cost of 10 on each of these days.
fn of_k(settings: &str, drivers: &str, days: &[&str]) -> String {
    let charges: Vec<PoolCharge> = days.iter().map(|day| charge(day, "residual:pool:k", "10")).collect();
    shown(&format!("pools: [{{name: k, {settings}}}]"), drivers, &charges)
}

#[test]
fn weights_of_the_day_share_and_names_are_those_of_the_day() {
    let drivers = "date,pool,team,weight\n2026-08-01,k,a,6\n2026-08-01,k,Bee,4\n2026-08-01,other,a,9\n\
                   2026-08-02,k,c,1\n2026-08-03,k,c,1\n2026-08-04,k,a,3\n2026-08-04,k,ghost,7\n";
    assert_eq!(
        of_k("driver: {measured: w.csv}", drivers, &["01", "02", "03", "04"]),
        "01 k: a 6, b 4, k -10; 02 k: c 10, k -10; 03 k: b 10, k -10; 04 k: a 3, k -3",
        "c ended on the third and b came after it; what a ghost used stays"
    );
}

#[test]
fn a_day_without_weights_takes_the_months_or_the_last_or_stays() {
    let drivers = "date,pool,team,weight\n2026-08-01,k,a,1\n2026-08-05,k,b,3\n2026-08-06,k,a,0\n2026-07-30,k,d,1\n";
    let by = |missing: &str| of_k(&format!("driver: {{measured: w.csv}}, missing: {missing}"), drivers, &["04", "06"]);
    assert_eq!(by("month"), "04 k: a 2.5, b 7.5, k -10; 06 k: a 2.5, b 7.5, k -10");
    assert_eq!(by("carry"), "04 k: a 10, k -10; 06 k: b 10, k -10");
    assert_eq!(by("keep"), "");
    let before = |missing: &str| {
        let charges = [charge("01", "residual:pool:k", "10")];
        let settings = format!("pools: [{{name: k, driver: {{measured: w.csv}}, missing: {missing}}}]");
        shown(&settings, "date,pool,team,weight\n2026-07-30,k,d,1\n", &charges)
    };
    assert_eq!(before("carry"), "01 k: d 10, k -10", "from the month before");
    assert_eq!(before("month"), "", "nothing in August: it stays");
}

#[test]
fn a_month_as_window_adds_its_days_up() {
    let drivers = "date,pool,team,weight\n2026-08-01,k,a,1\n2026-08-31,k,b,3\n2026-09-01,k,a,90\n";
    assert_eq!(of_k("driver: {measured: w.csv}, window: month", drivers, &["01"]), "01 k: a 2.5, b 7.5, k -10");
}

#[test]
fn the_measure_that_is_most_of_its_capacity_decides_and_the_rest_is_idle() {
    // Network 8 of 10, storage 30 of 100: network decides, 2 of 10 are idle.
    let drivers = "date,pool,team,weight,measure,capacity\n2026-08-01,k,a,6,network,10\n2026-08-01,k,b,2,network,\n\
                   2026-08-01,k,b,30,storage,100\n2026-08-02,k,a,6,network,100\n2026-08-02,k,b,30,storage,20\n";
    assert_eq!(
        of_k("driver: {measured: w.csv}", drivers, &["01", "02"]),
        "01 k: a 6, b 2, k -10, k idle 2; 02 k: b 10, k -10",
        "on the second storage is over its capacity, and nothing is idle"
    );
    assert_eq!(of_k("driver: {measured: w.csv}, idle: share", drivers, &["01"]), "01 k: a 7.5, b 2.5, k -10");
}

#[test]
fn what_a_driver_may_not_say_is_refused() {
    let fault = |drivers: &str| journal("pools: [{name: k, driver: {measured: w.csv}}]", drivers, &[]).unwrap_err();
    assert_eq!(fault("date,pool,team,weight\n2026-08-01,k,a,-1\n"), "read the pools: pool k: weight '-1' is negative");
    let several = "date,pool,team,weight,measure\n2026-08-01,k,a,1,cpu\n2026-08-01,k,a,1,memory\n";
    assert!(fault(several).contains("one has no capacity"), "{}", fault(several));
    assert!(fault("date,team\n2026-08-01,a\n").contains("no column pool"));
    assert!(journal("pools: [{name: k, driver: {measured: x.csv}}]", "", &[]).is_err());
    assert!(journal("order: upward", "", &[]).is_err());
}

#[test]
fn a_driver_may_be_parquet() {
    use arrow::array::{ArrayRef, Date32Array, Float64Array, RecordBatch, StringArray};
    let day: Day = "2026-08-01".parse().unwrap();
    let columns: [(&str, ArrayRef); 4] = [
        ("date", std::sync::Arc::new(Date32Array::from(vec![day.days(); 2]))),
        ("pool", std::sync::Arc::new(StringArray::from(vec!["k", "k"]))),
        ("team", std::sync::Arc::new(StringArray::from(vec!["a", "b"]))),
        ("weight", std::sync::Arc::new(Float64Array::from(vec![0.3, 0.1]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let pools = Pools::read("pools: [{name: k, driver: {measured: w}}]", &|_| Some(bytes.clone())).unwrap();
    let journal = pools.journal(&History::read(ORG).unwrap(), &[charge("01", "residual:pool:k", "10")]);
    let costs: Vec<String> = journal.values().map(|costs| costs[0].to_string()).collect();
    assert_eq!(costs, ["7.5", "2.5", "-10"]);
}

#[test]
fn fixed_shares_may_change_by_date() {
    assert_eq!(of_k("driver: {fixed: {a: 60, bee: 40}}", "", &["01"]), "01 k: a 6, b 4, k -10");
    let dated = "driver: {fixed: [{until: 2026-08-02, weights: {a: 1}}, {from: 2026-08-04, weights: {b: 1}}]}";
    assert_eq!(
        of_k(&format!("{dated}, missing: carry"), "", &["01", "03", "04"]),
        "01 k: a 10, k -10; 03 k: a 10, k -10; 04 k: b 10, k -10"
    );
    // August: one day of a, 28 of b.
    assert_eq!(of_k(dated, "", &["03"]), "03 k: a 0.344827586206896552, b 9.655172413793103448, k -10");
}

#[test]
fn head_counts_are_those_of_the_day() {
    assert_eq!(
        of_k("driver: {head_count: {kind: team}}", "", &["02", "03"]),
        "02 k: a 3.75, b 1.25, c 5, k -10; 03 k: a 7.5, b 2.5, k -10"
    );
    assert_eq!(of_k("driver: {head_count: {under: bee}}", "", &["03"]), "03 k: b 2, d 8, k -10");
    assert_eq!(of_k("driver: {head_count: {under: ghost}}", "", &["03"]), "");
}

#[test]
fn direct_cost_of_the_month_shares_and_negative_counts_as_nothing() {
    let mut charges = vec![
        charge("01", "residual:pool:k", "10"),
        charge("02", "a", "3"),
        charge("09", "a", "-1"),
        charge("03", "b", "6"),
        charge("03", "d", "-5"),
        charge("03", "residual:no-rule", "50"),
    ];
    charges[3].costs[0] = amount("2");
    let by = |driver: &str| shown(&format!("pools: [{{name: k, driver: {{direct: {driver}}}}}]"), "", &charges);
    assert_eq!(by("{}"), "01 k: a 2.5, b 7.5, k -10");
    assert_eq!(by("{cost: billed}"), "01 k: a 5, b 5, k -10");
    charges.push(PoolCharge { currency: "EUR".into(), ..charge("01", "residual:pool:k", "10") });
    let euros = journal("pools: [{name: k, driver: {direct: {}}}]", "", &charges).unwrap();
    assert!(euros.keys().all(|key| key.4 == "USD"), "no team has cost in euros: they stay");
}

#[test]
fn commitments_are_shared_by_who_used_the_same_one() {
    let about = |day: &str, owner: &str, cost: &str, id: &str, used: bool| PoolCharge {
        commitment: Some(id.to_owned()),
        used,
        ..charge(day, owner, cost)
    };
    let charges = [
        about("01", "residual:pool:k", "10", "cd-1", false),
        about("02", "residual:pool:k", "10", "cd-3", false),
        about("05", "a", "3", "cd-1", true),
        about("06", "b", "1", "cd-1", true),
        about("06", "b", "90", "cd-2", true),
        about("06", "b", "90", "cd-1", false),
        charge("06", "b", "90"),
    ];
    let shared = shown("pools: [{name: k, driver: {commitment: {}}}]", "", &charges);
    assert_eq!(shared, "01 k: a 7.5, b 2.5, k -10", "nobody used cd-3: it stays");
}

#[test]
fn two_commitments_of_one_day_are_two_splits() {
    let about = |owner: &str, cost: &str, id: Option<&str>, used: bool| PoolCharge {
        commitment: id.map(str::to_owned),
        used,
        ..charge("01", owner, cost)
    };
    let charges = [
        about("residual:pool:k", "10", Some("cd-1"), false),
        about("residual:pool:k", "10", Some("cd-2"), false),
        about("residual:pool:k", "7", None, false),
        about("a", "1", Some("cd-1"), true),
        about("a", "30", Some("cd-2"), true),
        about("b", "10", Some("cd-2"), true),
    ];
    let pools = "pools: [{name: k, driver: {commitment: {}}}]";
    // cd-1: all to a; cd-2: 3 to 1; what names no commitment stays.
    assert_eq!(shown(pools, "", &charges), "01 k: a 17.5, b 2.5, k -20");
}

#[test]
fn commitments_that_pools_or_nobody_used() {
    let about = |owner: &str, cost: &str, used: bool| PoolCharge {
        commitment: Some("cd-1".to_owned()),
        used,
        ..charge("01", owner, cost)
    };
    let charges = [
        about("residual:pool:k", "10", false),
        about("a", "2", true),
        about("residual:pool:m", "1", true),
        about("residual:no-rule", "2", true),
    ];
    let pools = "pools: [{name: k, driver: {commitment: {}}}, {name: m, driver: {fixed: {b: 1}}}]";
    // Of what m used nothing is shared in direct order: 2 of a, 2 of nobody.
    assert_eq!(shown(pools, "", &charges), "01 k: a 5, k -5; 01 m: b 1, m -1");
    assert_eq!(shown(&format!("order: step-down\n{pools}"), "", &charges), "01 k: a 4, b 2, k -6; 01 m: b 1, m -1");
}

#[test]
fn what_two_invoices_bring_on_one_day_is_two_splits() {
    let later =
        PoolCharge { month: "2026-09".parse().unwrap(), ..charge("31", "residual:pool:k", "0.000000000000000001") };
    let charges = [charge("31", "residual:pool:k", "0.000000000000000001"), later];
    let shared = shown("pools: [{name: k, driver: {fixed: {a: 1, b: 1}}}]", "", &charges);
    assert_eq!(shared, "31 k: a 0.000000000000000002, k -0.000000000000000002", "each gives its one unit to a");
}

#[test]
fn capacity_without_use_is_idle_and_one_day_does_not_fill_another() {
    let drivers = "date,pool,team,weight,measure,capacity\n2026-08-01,k,a,0,network,10\n2026-08-02,k,a,25,network,10\n\
                   2026-08-03,k,a,5,network,10\n";
    let day = "driver: {measured: w.csv}, missing: keep";
    assert_eq!(of_k(day, drivers, &["01"]), "01 k: k -10, k idle 10", "nobody used it, which is known");
    assert_eq!(of_k("driver: {measured: w.csv}, idle: share", drivers, &["01"]), "01 k: a 10, k -10", "the month's");
    // 10 + 0 + 5 idle of the month, 30 used.
    let month = of_k("driver: {measured: w.csv}, window: month", drivers, &["04"]);
    assert_eq!(month, "04 k: a 6.666666666666666667, k -10, k idle 3.333333333333333333");
}

#[test]
fn weights_that_the_order_drops_do_not_count_as_weights() {
    let drivers = "date,pool,team,weight\n2026-08-01,k,pool:m,5\n2026-08-02,k,a,1\n";
    let charges = [charge("01", "residual:pool:k", "10")];
    let by = |order: &str| {
        let pools = "pools: [{name: k, driver: {measured: w.csv}}, {name: m, driver: {fixed: {b: 1}}}]";
        shown(&format!("order: {order}\n{pools}"), drivers, &charges)
    };
    assert_eq!(by("direct"), "01 k: a 10, k -10", "nothing is left of the first, so the month decides");
    assert_eq!(by("step-down"), "01 k: b 10, k -10");
}

const CIRCLE: &str = "pools:
- {name: k, driver: {fixed: {a: 6, 'pool:m': 4}}}
- {name: m, driver: {fixed: {b: 9, 'pool:k': 1}}}
- {name: n, driver: {pool: k}}
";

#[test]
fn pools_that_use_each_other_in_three_orders() {
    let charges = [
        charge("01", "residual:pool:k", "10"),
        charge("01", "residual:pool:m", "16"),
        charge("01", "residual:pool:n", "-10"),
    ];
    let by = |order: &str| shown(&format!("order: {order}\n{CIRCLE}"), "", &charges);
    assert_eq!(by("direct"), "01 k: a 10, k -10; 01 m: b 16, m -16; 01 n: a -10, n 10");
    assert_eq!(by("step-down"), "01 k: a 6, b 4, k -10; 01 m: b 16, m -16; 01 n: a -6, b -4, n 10");
    // k: 5/8 and 3/8. m: 1/16 and 15/16. n goes the way of k.
    assert_eq!(by("reciprocal"), "01 k: a 6.25, b 3.75, k -10; 01 m: a 1, b 15, m -16; 01 n: a -6.25, b -3.75, n 10");
}

#[test]
fn pools_that_only_feed_each_other_and_unknown_pools_keep() {
    let charges = [charge("01", "residual:pool:k", "10"), charge("01", "residual:pool:nowhere", "3")];
    let closed = "order: reciprocal\npools:
- {name: k, driver: {fixed: {'pool:m': 1}}}
- {name: m, driver: {fixed: {'pool:k': 1}}}\n";
    assert_eq!(shown(closed, "", &charges), "");
    let unknown = "order: reciprocal\npools:\n- {name: k, driver: {fixed: {'pool:x': 1, a: 1}}}\n";
    assert_eq!(shown(unknown, "", &charges), "01 k: a 5, k -5");
}

#[test]
fn each_cost_is_split_by_itself_and_nothing_is_said_of_nothing() {
    let mut one = charge("01", "residual:pool:k", "0");
    let pools = "pools: [{name: k, driver: {fixed: {a: 1, b: 2}}}]";
    assert_eq!(journal(pools, "", &[one.clone()]).unwrap(), Journal::new());
    one.costs = [amount("3"), amount("0"), amount("0.000000000000000000000000000001"), amount("-1")];
    let journal = journal(pools, "", &[one]).unwrap();
    let lines: Vec<String> = journal
        .iter()
        .map(|((_, _, owner, _, _), costs)| format!("{owner} {}", costs.each_ref().map(Amount::to_string).join(" ")))
        .collect();
    assert_eq!(
        lines,
        [
            "a 1 0 0 -0.333333333333333333",
            "b 2 0 0.000000000000000000000000000001 -0.666666666666666667",
            "residual:pool:k -3 0 -0.000000000000000000000000000001 1"
        ]
    );
}

#[test]
fn averaged_benefits_and_a_declared_order_are_worked_out() {
    let used = |owner: &str, effective: &str| PoolCharge {
        commitment: Some("cd-1".to_owned()),
        used: true,
        costs: [amount("0"), amount(effective), amount("100"), amount("100")],
        ..charge("01", owner, "0")
    };
    let charges = [used("a", "40"), used("b", "100"), charge("01", "residual:pool:k", "6")];
    let order = "order: {step-down: [m]}\ncommitment_benefit: averaged\n";
    let pools = format!(
        "{order}pools:\n- {{name: k, driver: {{fixed: {{a: 1, 'pool:m': 5}}}}}}\n- {{name: m, driver: keep}}\n"
    );
    let lines: Vec<String> = journal(&pools, "", &charges)
        .unwrap()
        .iter()
        .map(|((_, pool, owner, line, _), costs)| format!("{pool} {owner} {line:?} {} {}", costs[0], costs[1]))
        .collect();
    // m comes first in the order, so k does not charge it.
    assert_eq!(
        lines,
        [
            "commitment-benefit a Benefit 0 30",
            "commitment-benefit b Benefit 0 -30",
            "k a Use 6 6",
            "k residual:pool:k Use -6 -6"
        ]
    );
}
