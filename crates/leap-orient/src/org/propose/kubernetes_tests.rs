//! The four staged snapshots of the Kubernetes community, loaded in order; the expected lists were read from the files by
//! hand, beside the community's own history.

use super::*;
use crate::org::sources;

fn snapshots() -> Option<Vec<(Day, OrgState)>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/org/kubernetes-sigs");
    let names = ["2019", "2020", "2021", "2023"].map(|year| format!("sigs-{year}-01-01.yaml"));
    let mut files = Vec::new();
    for name in names {
        let Ok(bytes) = std::fs::read(format!("{folder}/{name}")) else {
            eprintln!("skipped: no {folder}/{name}");
            return None;
        };
        files.push((name, bytes));
    }
    let source = sources::read(&files).unwrap();
    assert_eq!(source.format, sources::Format::Kubernetes);
    assert_eq!(source.warnings, []);
    Some(source.states.into_iter().map(|(day, state)| (day.unwrap(), state)).collect())
}

fn team(id: &str) -> TeamId {
    TeamId::new(id).unwrap()
}

/// The history of all snapshots and the findings of each but the first.
fn history() -> Option<(Org, Vec<Vec<Finding>>)> {
    let mut org = Org::default();
    let mut findings = Vec::new();
    for (day, state) in snapshots()? {
        let proposal = propose(&org, day, &state, &Overrides::default()).unwrap();
        org = org.with(&proposal.reorg).unwrap_or_else(|faults| panic!("{}", leap_terms::fault::list(&faults)));
        assert_eq!(org.state(day).units.len(), state.units.len());
        let again = propose(&org, day, &state, &Overrides::default()).unwrap();
        assert_eq!(again.reorg.operations, []);
        findings.push(proposal.findings);
    }
    findings.remove(0);
    Some((org, findings))
}

/// What became of the groups, and of nothing below them: `id → other`.
fn groups(findings: &[Finding], what: What) -> Vec<String> {
    let groups = findings.iter().filter(|finding| finding.what == what && !finding.unit.as_str().contains('/'));
    let shown = |finding: &Finding| match &finding.other {
        Some(other) => format!("{} → {other}", finding.unit),
        None => finding.unit.to_string(),
    };
    groups.map(shown).collect()
}

#[test]
fn what_became_of_each_group_is_what_the_files_say() {
    let Some((_, findings)) = history() else { return };
    let [in_2019, in_2020, until_2023] = findings.as_slice() else { panic!("four snapshots have three reorgs") };

    // The providers' SIGs became sub-projects of SIG Cloud Provider. Those of IBM Cloud and OpenStack had no sub-project
    // by which the file could tell. All that SIG VMware owned went to SIG Cluster Lifecycle.
    assert_eq!(
        groups(in_2019, What::Merged),
        [
            "sig-aws → sig-cloud-provider",
            "sig-azure → sig-cloud-provider",
            "sig-gcp → sig-cloud-provider",
            "sig-vmware → sig-cluster-lifecycle"
        ]
    );
    assert_eq!(groups(in_2019, What::Renamed), ["sig-big-data"], "it became the user group of that name");
    assert_eq!(
        groups(in_2019, What::Dissolved),
        [
            "sig-cluster-ops → kubernetes",
            "sig-ibmcloud → kubernetes",
            "sig-openstack → kubernetes",
            "wg-app-def → kubernetes",
            "wg-container-identity → kubernetes",
            "wg-kubeadm-adoption → kubernetes"
        ]
    );
    assert_eq!(
        groups(in_2019, What::Created),
        [
            "committee-code-of-conduct",
            "committee-product-security",
            "sig-usability",
            "ug-vmware-users",
            "wg-component-standard",
            "wg-k8s-infra",
            "wg-lts"
        ]
    );
    // The steering committee's sub-projects stood under SIG Architecture before committees were listed.
    assert_eq!(groups(in_2019, What::Split), ["committee-steering → sig-architecture"]);
    assert_eq!(groups(in_2019, What::Moved), [] as [&str; 0]);

    // SIG PM handed the enhancements to SIG Architecture. The working group on the security audit went on as SIG Security's
    // sub-project of that name.
    assert_eq!(groups(in_2020, What::Merged), ["sig-pm → sig-architecture"]);
    assert_eq!(groups(in_2020, What::Renamed), ["wg-security-audit"]);
    assert_eq!(groups(in_2020, What::Moved), ["wg-security-audit → sig-security"]);
    assert_eq!(
        groups(in_2020, What::Dissolved),
        [
            "wg-apply → kubernetes",
            "wg-lts → kubernetes",
            "wg-machine-learning → kubernetes",
            "wg-resource-management → kubernetes"
        ]
    );
    assert_eq!(
        groups(in_2020, What::Created),
        ["sig-security", "wg-api-expression", "wg-data-protection", "wg-naming", "wg-reliability"]
    );
    assert_eq!(groups(in_2020, What::Split), [] as [&str; 0]);

    // The Product Security Committee became the Security Response Committee; the K8s Infra working group became a SIG.
    assert_eq!(groups(until_2023, What::Merged), [] as [&str; 0]);
    assert_eq!(groups(until_2023, What::Renamed), ["committee-product-security", "wg-k8s-infra"]);
    assert_eq!(
        groups(until_2023, What::Dissolved),
        ["sig-service-catalog → kubernetes", "wg-component-standard → kubernetes", "wg-naming → kubernetes"]
    );
    assert_eq!(groups(until_2023, What::Created), ["wg-batch", "wg-structured-logging"]);
    assert_eq!(groups(until_2023, What::Split), [] as [&str; 0]);
    assert_eq!(groups(until_2023, What::Moved), [] as [&str; 0]);
}

#[test]
fn sub_projects_keep_their_identity_when_they_move_to_another_group() {
    let Some((org, _)) = history() else { return };
    let days = ["2019-06-01", "2020-06-01", "2021-06-01", "2023-06-01"].map(|day| day.parse::<Day>().unwrap());
    let parents = |id: &str| {
        let unit = org.unit(&team(id)).unwrap();
        days.map(|day| unit.on(day).and_then(|span| span.parent.as_ref()).map_or("-", TeamId::as_str).to_owned())
    };
    let (architecture, instrumentation) = ("sig-architecture", "sig-instrumentation");
    assert_eq!(parents("sig-architecture/klog"), [architecture, instrumentation, instrumentation, instrumentation]);
    assert_eq!(parents("sig-pm/enhancements"), ["-", "sig-pm", architecture, architecture]);
    assert_eq!(
        parents("sig-autoscaling/cluster-proportional-autoscaler"),
        ["sig-autoscaling", "sig-autoscaling", "sig-network", "sig-network"]
    );
    assert_eq!(
        parents("sig-azure/cloud-provider-azure"),
        ["sig-azure", "sig-cloud-provider", "sig-cloud-provider", "sig-cloud-provider"]
    );
    let experience = "sig-contributor-experience";
    assert_eq!(parents("sig-contributor-experience/k8s.io"), [experience, experience, experience, "wg-k8s-infra"]);
    // Renamed twice, services are the Gateway API now, and every name still means them.
    for name in ["sig-network/services", "sig-network/service-apis", "sig-network/gateway-api"] {
        assert_eq!(org.resolve(name, days[3]), crate::org::Resolved::Team(team("sig-network/services")), "{name}");
    }
    assert_eq!(org.unit(&team("sig-network/services")).unwrap().on(days[3]).unwrap().name, "gateway-api");
    // Who owned a bill of a merged group is found through its successor.
    assert_eq!(org.resolve("sig-aws", days[1]), crate::org::Resolved::Team(team("sig-cloud-provider")));
}

#[test]
fn the_snapshots_can_be_loaded_in_any_pairing() {
    let Some(states) = snapshots() else { return };
    for (_, from) in &states {
        for (_, to) in &states {
            let first = propose(&Org::default(), states[0].0, from, &Overrides::default()).unwrap();
            let org = Org::default().with(&first.reorg).unwrap();
            let proposal = propose(&org, states[3].0, to, &Overrides::default()).unwrap();
            let after = org.with(&proposal.reorg).unwrap();
            assert_eq!(after.state(states[3].0).units.len(), to.units.len());
            assert_eq!(proposal.findings.is_empty(), from == to);
        }
    }
}
