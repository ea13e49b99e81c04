//! The services of the sample company that answer its payment APIs: what they say of themselves, and whose they are.
//!
//! ```text
//! charge-api ─┬ token-vault          (new cards)
//!             ├ fraud ─ risk-model   ┐ side by side
//!             ├ ledger               ┘
//!             ├ fx-rates             (foreign money; nobody's)
//!             ├ bank-gateway         (not ours: a peer without spans)
//!             └ kafka ⇢ audit        (afterwards)
//! balance-api ── ledger-views
//! ```
//! Some declare a team in one of the spellings that people use, some are owned by a rule, one by nobody. Teams are those
//! of the org: each service's is the first free one of the domains that fit it.

use std::fmt::Write;

use crate::company::organisation::{Organisation, Team};

/// A service that sends spans; the number is its place in [`SERVICES`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Service {
    ChargeApi,
    TokenVault,
    Fraud,
    RiskModel,
    Ledger,
    FxRates,
    Audit,
    BalanceApi,
    LedgerViews,
}

/// How a service comes to its owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Claim {
    /// It declares the team by its id.
    Id,
    /// By its name.
    Name,
    /// By its id with underscores.
    Underscores,
    /// A rule knows the service's name.
    ByName,
    /// A rule knows the service's namespace.
    ByNamespace,
    /// Nobody's.
    Nobody,
}

/// What is known of a service.
pub(super) struct About {
    pub(super) name: &'static str,
    pub(super) namespace: &'static str,
    pub(super) language: &'static str,
    /// The attribute that names a host, and the clocks of its hosts: ns ahead (or behind) of the APIs' clocks.
    pub(super) host_key: &'static str,
    pub(super) clocks: &'static [i64],
    /// The versions of the two weeks before and after its deployment, which is so many days after the day of the repair.
    pub(super) versions: [&'static str; 2],
    pub(super) deployed: i32,
    claim: Claim,
    /// Its team's id begins with one of these.
    domains: &'static [&'static str],
}

const MS: i64 = 1_000_000;
/// A day that never comes.
const NEVER: i32 = i32::MAX;

/// Every service, in the order of [`Service`].
pub(super) const SERVICES: [About; 9] = [
    About {
        name: "charge-api",
        namespace: "payments",
        language: "java",
        host_key: "k8s.pod.name",
        clocks: &[0, 0, 0],
        versions: ["2026.31", "2026.31"],
        deployed: NEVER,
        claim: Claim::Id,
        domains: &["payments", "billing"],
    },
    About {
        name: "token-vault",
        namespace: "cards",
        language: "go",
        host_key: "service.instance.id",
        clocks: &[0, 3 * MS],
        versions: ["1.9.4", "1.9.4"],
        deployed: NEVER,
        claim: Claim::Underscores,
        domains: &["cards", "secrets", "identity"],
    },
    About {
        name: "fraud",
        namespace: "risk",
        language: "java",
        host_key: "k8s.pod.name",
        clocks: &[0, -2 * MS],
        versions: ["3.4.0", "3.4.1"],
        deployed: -4,
        claim: Claim::Name,
        domains: &["fraud"],
    },
    About {
        name: "risk-model",
        namespace: "risk",
        language: "python",
        host_key: "host.name",
        clocks: &[-9 * MS, MS],
        versions: ["model-88", "model-88"],
        deployed: NEVER,
        claim: Claim::ByNamespace,
        domains: &["risk", "model-serving"],
    },
    About {
        name: "ledger",
        namespace: "money",
        language: "rust",
        host_key: "service.instance.id",
        // One host's clock is 180 ms behind: its spans seem to start before they were asked for.
        clocks: &[0, -180 * MS, 40 * MS],
        versions: ["5.11.2", "5.12.0"],
        deployed: 0,
        claim: Claim::ByName,
        domains: &["ledger"],
    },
    About {
        name: "fx-rates",
        namespace: "shared",
        language: "nodejs",
        host_key: "host.name",
        clocks: &[5 * MS],
        versions: ["0.3.0", "0.3.0"],
        deployed: NEVER,
        claim: Claim::Nobody,
        domains: &[],
    },
    About {
        name: "audit-log",
        namespace: "compliance",
        language: "go",
        host_key: "k8s.pod.name",
        clocks: &[12 * MS],
        versions: ["2.2.0", "2.2.0"],
        deployed: NEVER,
        claim: Claim::ByNamespace,
        domains: &["identity-checks", "warehouse-sql", "analytics"],
    },
    About {
        name: "balance-api",
        namespace: "wallet",
        language: "go",
        host_key: "k8s.pod.name",
        clocks: &[0, 0],
        versions: ["4.0.7", "4.0.7"],
        deployed: NEVER,
        claim: Claim::Id,
        domains: &["wallet", "treasury", "checkout"],
    },
    About {
        name: "ledger-views",
        namespace: "wallet",
        language: "rust",
        host_key: "service.instance.id",
        clocks: &[-3 * MS, 2 * MS],
        versions: ["1.2.0", "1.2.0"],
        deployed: NEVER,
        claim: Claim::ByNamespace,
        domains: &["invoicing", "orders", "feature-store"],
    },
];

/// What is called but sends no spans: its name in `peer.service`, and the domains of the team that answers for it.
const PEERS: [(&str, &[&str]); 3] = [
    ("bank-gateway", &["settlement", "payouts", "disputes", "payments"]),
    ("charges-db", &["databases", "storage", "compute"]),
    ("kafka", &["streaming", "messaging", "search"]),
];

impl Service {
    pub(super) fn about(self) -> &'static About {
        &SERVICES[self as usize]
    }
}

/// A service or peer with its team.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owned {
    /// `service.name`, or `peer.service` of a peer without spans.
    pub service: String,
    /// `service.namespace`; empty for a peer.
    pub namespace: String,
    /// The resource attribute `team` as it is written; empty where none is declared.
    pub declared: String,
    /// The team's id; `None` for what nobody owns.
    pub team: Option<String>,
    claim: Claim,
}

/// Services first, in order of [`SERVICES`], then peers.
pub(super) fn owners(org: &Organisation) -> Vec<Owned> {
    let mut taken = vec![false; org.teams.len()];
    let mut free = |domains: &[&str]| -> &Team {
        let fits = |domain: &&str| {
            let start = format!("{domain}-");
            (0..org.teams.len()).find(|at| !taken[*at] && org.teams[*at].id.starts_with(&start))
        };
        let found = domains.iter().find_map(fits).or_else(|| taken.iter().position(|taken| !taken)).unwrap_or(0);
        taken[found] = true;
        &org.teams[found]
    };
    let services = SERVICES.iter().map(|about| {
        let team = (about.claim != Claim::Nobody).then(|| free(about.domains));
        let declared = match (about.claim, team) {
            (Claim::Id, Some(team)) => team.id.clone(),
            (Claim::Name, Some(team)) => team.name.clone(),
            (Claim::Underscores, Some(team)) => team.id.replace('-', "_"),
            _ => String::new(),
        };
        let (service, namespace) = (about.name.to_owned(), about.namespace.to_owned());
        Owned { service, namespace, declared, team: team.map(|team| team.id.clone()), claim: about.claim }
    });
    let mut owners: Vec<Owned> = services.collect();
    owners.extend(PEERS.iter().map(|(name, domains)| Owned {
        service: (*name).to_owned(),
        namespace: String::new(),
        declared: String::new(),
        team: Some(free(domains).id.clone()),
        claim: Claim::ByName,
    }));
    owners
}

/// The rules that own what declares no team: lines of the list `rules:`.
pub(super) fn rules(owners: &[Owned]) -> String {
    let mut out = String::new();
    let mut why = "  # Services in traces that declare no team: by name, then by namespace.\n";
    for claim in [Claim::ByName, Claim::ByNamespace] {
        for owned in owners.iter().filter(|owned| owned.claim == claim) {
            let Some(team) = &owned.team else { continue };
            let (key, value) = match claim {
                Claim::ByNamespace => ("service.namespace", &owned.namespace),
                _ => ("service.name", &owned.service),
            };
            let service = &owned.service;
            write!(out, "{why}  - id: service-{service}\n    when: \"Tags['{key}'] = '{value}'\"\n    owner: {team}\n")
                .expect("a string takes all text");
            why = "";
        }
    }
    out
}
