//! `leap drift detect` and `leap forecast run`: files in, one JSON object a line out.

use serde_json::Value;

use crate::harness::{Home, text};

/// A hundred days of about 1000, less on weekends, and the cost of day 80 as given.
fn series(day_80: &str) -> String {
    let mut csv = "series,day,cost\n".to_owned();
    for day in 0..100_u32 {
        let weekend = if day % 7 > 4 { 300 } else { 0 };
        // A little noise that is the same everywhere.
        let cost = 1_000 - weekend + day * 37 % 23;
        let cost = if day == 80 { day_80.to_owned() } else { format!("{cost}.50") };
        csv += &format!("payments,{day},{cost}\n");
    }
    csv
}

fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[test]
fn a_spike_is_told_once_with_its_day_and_quiet_days_are_not() {
    let home = Home::new();
    home.write("costs.csv", &series("4000.25"));
    let told = lines(&home.ok(&["drift", "detect", "--series", "costs.csv", "--format", "jsonl"]));
    let [alert] = &told[..] else { panic!("{told:#?}") };
    assert_eq!(
        (text(&alert["series"]), &alert["day"], text(&alert["kind"])),
        ("payments".into(), &80.into(), "spike".into())
    );
    assert!(alert["score"].as_f64().expect("a score") > 3.0, "{alert}");
    assert!(alert["cost_per_month"].is_string(), "amounts are exact decimals: {alert}");
    home.write("quiet.csv", &series("1000.50"));
    assert_eq!(home.ok(&["drift", "detect", "--series", "quiet.csv"]), "");
}

#[test]
fn what_was_announced_is_no_drift_and_what_is_wrong_is_named() {
    let home = Home::new();
    home.write("costs.csv", &series("4000.25"));
    home.write("known.csv", "series,day\npayments,80\n");
    assert_eq!(home.ok(&["drift", "detect", "--series", "costs.csv", "--known", "known.csv"]), "");
    home.write("wrong.csv", &series("4000.25").replace("payments,17,", "payments,17,x"));
    let ran = home.run(&["drift", "detect", "--series", "wrong.csv"]);
    assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("wrong.csv") && ran.err.contains("19") && ran.err.contains("cost"), "{}", ran.err);
}

#[test]
fn a_forecast_reads_no_later_day_and_says_its_interval() {
    let home = Home::new();
    home.write("costs.csv", &series("1000.50"));
    let asked = ["forecast", "run", "--series", "costs.csv", "--horizon", "7", "--origin", "60", "--format", "jsonl"];
    let made = home.ok(&asked);
    let told = lines(&made);
    assert!(!told.is_empty() && told.iter().all(|line| line["series"] == "payments"), "{made}");
    // The days that came are about 960 on average.
    assert!(made.contains("p10") && made.contains("p90"), "{made}");
    let beyond = home.run(&["forecast", "run", "--series", "costs.csv", "--origin", "2026-10-01"]);
    assert_eq!((beyond.code, beyond.out.as_str()), (2, ""), "what is not known is not 0");
    assert!(beyond.err.contains("after the day that follows the last of payments in costs.csv, 100"), "{}", beyond.err);
    home.write("costs.csv", &series("9999999"));
    assert_eq!(home.ok(&asked), made, "the future changes nothing");
}
