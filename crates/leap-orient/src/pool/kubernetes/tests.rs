//! Usage reports of a cluster and the weights they give.

use super::*;

const HEADER: &str = "pod,namespace,node,resource_id,interval_start,interval_end,pod_usage_cpu_core_seconds,\
pod_request_cpu_core_seconds,pod_usage_memory_byte_seconds,pod_request_memory_byte_seconds,\
node_capacity_cpu_core_seconds,node_capacity_memory_byte_seconds,pod_labels\n";

/// pod, namespace, hour, CPU used and requested, memory used and requested, capacity of both, labels.
type Fixture<'a> = (&'a str, &'a str, u8, &'a str, &'a str, &'a str, &'a str, &'a str, &'a str, &'a str);

fn line(node: &str, row: Fixture<'_>) -> String {
    let (pod, namespace, hour, cpu, cpu_request, memory, memory_request, cpus, memories, labels) = row;
    format!(
        "{pod},{namespace},{node},id-{node},2026-09-16 {hour:02}:00:00 +0000 UTC,2026-09-16 {:02}:00:00 +0000 UTC,\
{cpu},{cpu_request},{memory},{memory_request},{cpus},{memories},{labels}\n",
        hour + 1
    )
}

fn report(rows: &[Fixture<'_>]) -> Vec<(String, Vec<u8>)> {
    let text = rows.iter().fold(HEADER.to_owned(), |text, row| text + &line("alpha", *row));
    vec![("usage.csv".to_owned(), text.into_bytes())]
}

fn options() -> Options {
    Options {
        labels: vec!["team".to_owned(), "owner".to_owned()],
        namespaces: Some((
            "namespaces.csv".to_owned(),
            b"namespace,team,effective_from,effective_until\ncheckout,payments,,2026-09-17\ncheckout,search,2026-09-17,\nopenshift-*,platform,,\n"
                .to_vec(),
        )),
        ..Options::default()
    }
}

fn read(rows: &[Fixture<'_>]) -> Usage {
    Usage::read(&report(rows), &options()).map_err(|faults| leap_terms::fault::list(&faults)).unwrap()
}

fn refused(rows: &[Fixture<'_>]) -> String {
    leap_terms::fault::list(&Usage::read(&report(rows), &options()).unwrap_err())
}

/// Units of an hour's fraction.
fn hour(numerator: u128, denominator: u128) -> u128 {
    3600 * UNITS_PER_NODE_SECOND * numerator / denominator
}

#[test]
fn a_pod_takes_the_larger_of_request_and_use_and_the_rest_is_idle() {
    let usage = read(&[("web-1", "checkout", 0, "100", "3600", "8000", "1", "14400", "16000", "")]);
    let days = usage.days();
    assert_eq!(days.len(), 1);
    assert_eq!(days[0].parts[0].weight, hour(3, 8), "a quarter of CPU and a half of memory, one to one");
    assert_eq!(days[0].idle, hour(5, 8));
    assert_eq!(days[0].parts[0].team_name.as_deref(), Some("payments"));
    assert_eq!((days[0].node.as_str(), days[0].resource_id.as_str(), days[0].seconds), ("alpha", "id-alpha", 3600));
}

#[test]
fn the_ratio_of_cpu_and_memory_is_what_a_node_is_priced_by() {
    let rows = report(&[("web-1", "checkout", 0, "", "3600", "8000", "", "14400", "16000", "")]);
    let two_to_one =
        Options { cpu_weight: Exact::from_whole(2), memory_weight: Exact::from_whole(1), ..Options::default() };
    let days = Usage::read(&rows, &two_to_one).unwrap().days();
    assert_eq!(days[0].parts[0].weight, hour(1, 3), "two thirds of a quarter and one third of a half");
    let only_cpu = Options { cpu_weight: Exact::from_whole(1), ..Options::default() };
    assert_eq!(Usage::read(&rows, &only_cpu).unwrap().days()[0].parts[0].weight, hour(1, 4));
}

#[test]
fn an_overcommitted_measure_is_divided_by_the_pods_sum_and_has_no_idle() {
    let usage = read(&[
        ("a", "checkout", 0, "7200", "", "4000", "", "3600", "16000", ""),
        ("b", "crawler", 0, "21600", "", "4000", "", "3600", "16000", ""),
    ]);
    let day = &usage.days()[0];
    assert_eq!(day.parts[0].weight, hour(1, 4), "half of 2/8 of the CPU sum and half of 1/4 of memory");
    assert_eq!(day.parts[1].weight, hour(1, 2));
    assert_eq!(day.idle, hour(1, 4), "idle memory only, never negative CPU");
}

#[test]
fn a_node_without_capacity_is_divided_by_what_was_used() {
    let usage =
        read(&[("a", "checkout", 0, "1", "", "", "", "", "0", ""), ("b", "crawler", 0, "2", "", "", "", "0", "", "")]);
    let day = &usage.days()[0];
    assert_eq!((day.parts[0].weight, day.parts[1].weight, day.idle), (hour(1, 3), hour(2, 3), 0));
}

#[test]
fn a_node_nobody_used_is_idle_as_a_whole() {
    let usage = read(&[("", "", 0, "", "0", "", "0", "14400", "16000", "")]);
    let measured = usage.weights(Scope::Node("id-alpha"));
    assert_eq!(measured.len(), 1);
    assert!(measured[0].rows.is_empty());
    assert_eq!((measured[0].idle, measured[0].capacity), (hour(1, 1), hour(1, 1)));
}

#[test]
fn a_day_without_capacity_and_use_has_no_weights() {
    let measured = read(&[("a", "checkout", 0, "0", "", "", "", "0", "0", "")]).weights(Scope::Cluster);
    assert_eq!(measured[0].capacity, 0);
    assert_eq!(measured[0].rows, vec![(Some("payments".to_owned()), 0)]);
}

#[test]
fn the_first_wanted_label_decides_then_the_namespace_then_nobody() {
    let usage = read(&[
        ("a", "checkout", 0, "900", "", "", "", "3600", "", "label_owner:risk|label_team:pay"),
        ("b", "checkout", 0, "900", "", "", "", "3600", "", "label_owner:risk|label_team:"),
        ("c", "checkout", 0, "600", "", "", "", "3600", "", "label_app:web"),
        ("d", "openshift-monitoring", 0, "600", "", "", "", "3600", "", ""),
        ("e", "stray", 0, "300", "", "", "", "3600", "", ""),
    ]);
    let day = &usage.weights(Scope::Cluster)[0];
    let rows: Vec<(Option<&str>, u128)> = day.rows.iter().map(|(team, weight)| (team.as_deref(), *weight)).collect();
    assert_eq!(
        rows,
        vec![
            (None, hour(1, 12)),
            (Some("pay"), hour(1, 4)),
            (Some("payments"), hour(1, 6)),
            (Some("platform"), hour(1, 6)),
            (Some("risk"), hour(1, 4)),
        ]
    );
    assert_eq!(day.rows.iter().map(|row| row.1).sum::<u128>() + day.idle, day.capacity);
}

#[test]
fn a_namespace_changes_its_team_on_a_day() {
    let second = line("alpha", ("a", "checkout", 0, "900", "", "", "", "3600", "", "")).replace("09-16", "09-17");
    let mut files = report(&[("a", "checkout", 0, "900", "", "", "", "3600", "", "")]);
    files[0].1.extend(second.into_bytes());
    let usage = Usage::read(&files, &options()).unwrap();
    let teams: Vec<_> = usage.days().into_iter().map(|day| day.parts[0].team_name.clone()).collect();
    assert_eq!(teams, vec![Some("payments".to_owned()), Some("search".to_owned())]);
}

#[test]
fn hours_of_one_pod_add_up_and_missing_hours_are_noted() {
    let usage = read(&[
        ("a", "checkout", 0, "3600", "", "", "", "3600", "", ""),
        ("a", "checkout", 5, "0", "", "", "", "3600", "", ""),
    ]);
    let day = &usage.days()[0];
    assert_eq!((day.parts[0].weight, day.idle, day.seconds), (hour(1, 1), hour(1, 1), 7200));
    assert_eq!(day.parts[0].cpu, Some(Exact::from_whole(3600)));
    assert_eq!(
        usage.notes(),
        vec!["node alpha on 2026-09-16: 7200 of 86400 seconds reported; the day is divided by them"]
    );
}

#[test]
fn a_row_that_comes_twice_counts_once_and_a_contradiction_is_refused() {
    let once = ("a", "checkout", 0, "900.0", "", "", "", "3600", "", "");
    let again = ("a", "checkout", 0, "9E2", "", "", "", "3600", "", "");
    let usage = read(&[once, again]);
    assert_eq!(usage.days(), read(&[once]).days());
    assert!(usage.notes()[0].contains("1 pod rows came twice and count once"), "{:?}", usage.notes());
    let refusal = refused(&[once, ("a", "checkout", 0, "901", "", "", "", "3600", "", "")]);
    assert!(
        refusal.starts_with("usage.csv:3: row 2: 'a' of namespace 'checkout' on 'alpha' has other figures"),
        "{refusal}"
    );
    assert!(refusal.contains("in row 1 of usage.csv"), "{refusal}");
}

#[test]
fn faults_name_file_row_column_and_remedy() {
    let negative = refused(&[("a", "checkout", 0, "-1", "", "", "", "3600", "", "")]);
    assert!(
        negative.starts_with("usage.csv:2: row 1, column pod_usage_cpu_core_seconds: '-1' is negative"),
        "{negative}"
    );
    assert!(negative.contains("\n  help: "), "{negative}");
    let text = refused(&[("a", "checkout", 0, "NaN", "", "", "", "3600", "", "")]);
    assert!(text.contains("'NaN' is not a decimal number"), "{text}");
    let nobody = refused(&[("a", "", 0, "1", "", "", "", "3600", "", "")]);
    assert!(nobody.contains("column namespace: is empty"), "{nobody}");
    let local = report(&[("a", "checkout", 0, "1", "", "", "", "3600", "", "")]);
    let local = String::from_utf8(local[0].1.clone()).unwrap().replace("+0000 UTC", "+0200 CEST");
    let faults = Usage::read(&[("usage.csv".to_owned(), local.into_bytes())], &options()).unwrap_err();
    assert!(faults[0].message.contains("is no time in UTC"), "{:?}", faults[0]);
    let other = Usage::read(&[("bill.csv".to_owned(), b"BilledCost\n1\n".to_vec())], &options()).unwrap_err();
    assert_eq!(other[0].message, "neither a pod nor a volume usage report");
    let short = HEADER.replace("pod_request_cpu_core_seconds", "pod_request_cpu");
    let short = Usage::read(&[("usage.csv".to_owned(), short.into_bytes())], &options()).unwrap_err();
    assert_eq!(short[0].message, "the report has no column pod_request_cpu_core_seconds");
}

#[test]
fn intervals_that_overlap_or_pass_midnight_are_refused() {
    let whole = report(&[
        ("a", "checkout", 0, "1", "", "", "", "3600", "", ""),
        ("b", "checkout", 0, "1", "", "", "", "3600", "", ""),
    ]);
    let text = String::from_utf8(whole[0].1.clone()).unwrap();
    let overlap =
        text.replacen("b,checkout,alpha,id-alpha,2026-09-16 00:00", "b,checkout,alpha,id-alpha,2026-09-16 00:30", 1);
    let faults = Usage::read(&[("usage.csv".to_owned(), overlap.into_bytes())], &options()).unwrap_err();
    assert!(faults[0].message.contains("overlaps another one of node 'alpha'"), "{:?}", faults[0]);
    let late = text.replace("2026-09-16 01:00:00", "2026-09-17 01:00:00");
    let faults = Usage::read(&[("usage.csv".to_owned(), late.into_bytes())], &options()).unwrap_err();
    assert!(faults[0].message.contains("goes past midnight UTC"), "{:?}", faults[0]);
    let inclusive = text.replace("2026-09-16 01:00:00 +0000 UTC", "2026-09-16 00:59:59 +0000 UTC");
    let usage = Usage::read(&[("usage.csv".to_owned(), inclusive.into_bytes())], &options()).unwrap();
    assert_eq!(usage.days()[0].seconds, 3600);
}

#[test]
fn a_cluster_keeps_the_idle_of_each_node() {
    let text = HEADER.to_owned()
        + &line("alpha", ("a", "checkout", 0, "7200", "", "", "", "3600", "", ""))
        + &line("beta", ("b", "crawler", 0, "0", "1800", "", "", "3600", "", ""));
    let usage = Usage::read(&[("usage.csv".to_owned(), text.into_bytes())], &options()).unwrap();
    let day = &usage.scope_days(Scope::Cluster)[0];
    assert_eq!(day.seconds, 7200);
    assert_eq!(day.parts[0].weight, hour(2, 1) * 2 / 3, "7200 of 7200 + 3600");
    assert_eq!((day.parts[1].weight, day.idle), (hour(2, 1) / 6, hour(2, 1) / 6));
    assert_eq!(usage.weights(Scope::Node("beta"))[0].idle, hour(1, 2));
    assert!(usage.weights(Scope::Node("gamma")).is_empty());
}

#[test]
fn the_order_of_files_and_rows_is_irrelevant() {
    let rows = [
        ("a", "checkout", 0, "1", "", "7", "", "3", "11", ""),
        ("b", "crawler", 0, "0.333333333333333314829616256247", "", "", "5", "3", "11", "label_team:x"),
        ("c", "zeta", 1, "1e-9", "", "", "", "3", "11", ""),
    ];
    let mut backwards = rows;
    backwards.reverse();
    let (one, two) = (read(&rows), read(&backwards));
    assert_eq!(one.days(), two.days());
    let day = &one.days()[0];
    let sum = day.parts.iter().map(|part| part.weight).sum::<u128>() + day.idle;
    assert_eq!(sum, 7200 * UNITS_PER_NODE_SECOND, "every unit of the reported time is given away once");
}

#[test]
fn pods_without_node_and_foreign_files_are_noted() {
    let text = HEADER.to_owned() + &line("", ("a", "checkout", 0, "0", "100", "", "", "", "", ""));
    let files = [
        ("usage.csv".to_owned(), text.into_bytes()),
        ("manifest.json".to_owned(), b"{}".to_vec()),
        ("nodes.csv".to_owned(), b"node,node_labels\n".to_vec()),
    ];
    let usage = Usage::read(&files, &options()).unwrap();
    assert!(usage.days().is_empty());
    assert_eq!(usage.notes().len(), 3);
}

#[test]
fn a_mapping_of_namespaces_is_checked() {
    let refused = |text: &str| {
        let options =
            Options { namespaces: Some(("ns.csv".to_owned(), text.as_bytes().to_vec())), ..Options::default() };
        leap_terms::fault::list(&Usage::read(&[], &options).unwrap_err())
    };
    assert!(refused("namespace,owner\n").contains("the mapping has no column team"));
    assert!(refused("namespace,team\ncheckout,\n").starts_with("ns.csv:2: row 1, column team: is empty"));
    assert!(refused("namespace,team\na,x\na,y\n").contains("namespace 'a' has another team in row 1"));
    let ends = refused("namespace,team,effective_from,effective_until\na,x,2026-09-02,2026-09-01\n");
    assert!(ends.contains("ends on 2026-09-01, before it starts on 2026-09-02"), "{ends}");
    let date = refused("namespace,team,effective_from\na,x,September\n");
    assert!(date.contains("row 1, column effective_from: 'September' is no day"), "{date}");
}

#[test]
fn the_exact_namespace_goes_before_a_start_and_a_longer_start_before_a_shorter() {
    let text = b"namespace,team\n*,rest\ndata-*,data\ndata-lake-*,lake\ndata-lake-raw,raw\n";
    let rows = ["data-lake-raw", "data-lake-hot", "data-x", "web"].map(|ns| ("a", ns, 0, "1", "", "", "", "4", "", ""));
    let options = Options { namespaces: Some(("ns.csv".to_owned(), text.to_vec())), ..Options::default() };
    let usage = Usage::read(&report(&rows), &options).unwrap();
    let teams: Vec<_> = usage.days()[0].parts.iter().map(|part| part.team_name.clone().unwrap()).collect();
    assert_eq!(teams, ["lake", "raw", "data", "rest"]);
}

#[test]
fn a_volume_is_divided_by_the_larger_of_request_and_use_and_its_rest_is_idle() {
    let text = "interval_start,interval_end,namespace,pod,persistentvolumeclaim,persistentvolume,\
persistentvolumeclaim_capacity_byte_seconds,volume_request_storage_byte_seconds,\
persistentvolumeclaim_usage_byte_seconds,persistentvolume_labels,persistentvolumeclaim_labels\n\
2026-09-16 00:00:00 +0000 UTC,2026-09-16 00:59:59 +0000 UTC,checkout,db-0,data,pv-1,400.000000,100,300,label_team:x,\n\
2026-09-16 00:00:00 +0000 UTC,2026-09-16 00:59:59 +0000 UTC,checkout,,pending,,,100,,,\n";
    let usage = Usage::read(&[("storage.csv".to_owned(), text.as_bytes().to_vec())], &options()).unwrap();
    let day = &usage.weights(Scope::Volume("pv-1"))[0];
    assert_eq!(day.rows, vec![(Some("x".to_owned()), hour(3, 4))]);
    assert_eq!(day.idle, hour(1, 4));
    assert!(usage.days().is_empty(), "storage is a measure of its own, never mixed with nodes");
    assert_eq!(usage.volume_days()[0].node, "pv-1");
    assert_eq!(usage.notes()[0], "1 claim rows name no volume and were left out");
}
