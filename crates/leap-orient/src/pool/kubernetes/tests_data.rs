//! The published OpenShift reports, where they are present. Expected figures were computed apart, with decimals and
//! fractions of another language.

use super::*;

fn published() -> Option<Vec<(String, Vec<u8>)>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/focus/kubernetes");
    let Ok(entries) = std::fs::read_dir(folder) else {
        println!("skipped: no data folder");
        return None;
    };
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    files.sort();
    Some(files)
}

fn usage() -> Option<Usage> {
    let options = Options {
        labels: vec!["key1".to_owned()],
        namespaces: Some(("n.csv".to_owned(), b"namespace,team\nnamespace_ci,build\nmetering-*,platform\n".to_vec())),
        ..Options::default()
    };
    Some(Usage::read(&published()?, &options).map_err(|faults| leap_terms::fault::list(&faults)).unwrap())
}

#[test]
fn the_published_pods_add_up_per_namespace() {
    let Some(usage) = usage() else { return };
    let total = |namespace: &str| {
        let days = usage.days();
        let parts = days.iter().flat_map(|day| &day.parts).filter(|part| part.namespace == namespace);
        parts.fold((Exact::ZERO, Exact::ZERO), |sum, part| (sum.0 + part.cpu.unwrap(), sum.1 + part.memory.unwrap()))
    };
    let exact = |text: &str| text.parse::<Exact>().unwrap();
    assert_eq!(total("namespace_ci"), (exact("4335040"), exact("74792535829663.5901869")));
    assert_eq!(total("namespace_qa"), (exact("4415160"), exact("83100038498916.5997908")));
}

#[test]
fn the_published_node_is_overcommitted_and_its_day_is_given_away_to_the_last_unit() {
    let Some(usage) = usage() else { return };
    let days = usage.days();
    assert_eq!(days.len(), 5);
    let shown: Vec<(&str, Option<&str>, u128)> =
        days[0].parts.iter().map(|part| (part.namespace.as_str(), part.team_name.as_deref(), part.weight)).collect();
    assert_eq!(
        shown,
        vec![
            ("namespace_ci", Some("build"), 16_555_348_128_869_009_456_186_424_515),
            ("namespace_ci", Some("label_value1"), 22_263_533_506_300_192_860_888_115_533),
            ("namespace_qa", None, 21_348_998_218_624_848_908_105_347_612),
            ("namespace_qa", Some("label_value1"), 26_232_120_146_205_948_774_820_112_340),
        ]
    );
    for day in &days {
        assert_eq!((day.idle, day.seconds, day.node.as_str()), (0, 86_400, "alpha"));
        let sum = day.parts.iter().map(|part| part.weight).sum::<u128>();
        assert_eq!(sum, 86_400 * UNITS_PER_NODE_SECOND);
    }
    let measured = usage.weights(Scope::Cluster);
    assert_eq!(measured, usage.weights(Scope::Node("myresourceid")), "one node is the cluster");
    assert_eq!(measured[0].rows[2].1, 22_263_533_506_300_192_860_888_115_533 + 26_232_120_146_205_948_774_820_112_340);
}

#[test]
fn the_published_volumes_are_divided_by_what_was_requested() {
    let Some(usage) = usage() else { return };
    let sums: Vec<(String, String)> = usage
        .scope_days(Scope::Volumes)
        .iter()
        .map(|day| (day.day.to_string(), day.parts.iter().map(|part| part.cpu.unwrap()).sum::<Exact>().to_string()))
        .collect();
    assert_eq!(sums.len(), 6);
    assert_eq!(sums[0], ("2019-01-31".to_owned(), "1932735283200000".to_owned()));
    assert_eq!(sums[5], ("2019-02-05".to_owned(), "4058744094720000".to_owned()));
    let last = &usage.weights(Scope::Volumes)[5];
    assert_eq!(last.rows.len(), 1);
    assert_eq!((last.rows[0].0.as_deref(), last.idle), (Some("platform"), 0), "more was requested than there is");
}
