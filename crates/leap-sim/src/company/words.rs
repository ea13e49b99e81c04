//! The words that teams, groups and divisions of the sample company are named with.
//!
//! ```text
//! domain "payments" × function "ledger-sync"  →  team payments-ledger-sync
//! ```

/// An org of the company: id, name, its divisions, its domains.
pub(crate) struct OrgWords {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) divisions: &'static [&'static str],
    pub(crate) domains: &'static [&'static str],
}

pub(crate) const ORGS: [OrgWords; 5] = [
    OrgWords {
        id: "org-payments",
        name: "Payments and Risk",
        divisions: &["Payment Acceptance", "Money Movement", "Risk and Compliance", "Lending", "Merchant Billing"],
        domains: &[
            "payments",
            "ledger",
            "risk",
            "fraud",
            "billing",
            "payouts",
            "disputes",
            "identity-checks",
            "treasury",
            "cards",
            "lending",
            "invoicing",
            "settlement",
            "wallet",
        ],
    },
    OrgWords {
        id: "org-marketplace",
        name: "Marketplace",
        divisions: &["Buyer Experience", "Search and Discovery", "Seller Tools", "Ads", "Pricing and Promotions"],
        domains: &[
            "checkout",
            "search",
            "catalog",
            "pricing",
            "cart",
            "orders",
            "promotions",
            "reviews",
            "recommendations",
            "seller",
            "ads",
            "loyalty",
            "gifting",
            "subscriptions",
            "storefront",
        ],
    },
    OrgWords {
        id: "org-logistics",
        name: "Logistics",
        divisions: &["Fulfilment", "Last Mile", "Inventory Planning", "Returns", "Partner Carriers"],
        domains: &[
            "fulfilment",
            "shipping",
            "inventory",
            "warehouse",
            "returns",
            "routing",
            "courier",
            "customs",
            "tracking",
            "packing",
            "replenishment",
            "dispatch",
        ],
    },
    OrgWords {
        id: "org-data",
        name: "Data and Machine Learning",
        divisions: &["Data Platform", "Machine Learning", "Analytics", "Experimentation", "Forecasting"],
        domains: &[
            "warehouse-sql",
            "feature-store",
            "experiments",
            "analytics",
            "ml-training",
            "forecast",
            "metrics",
            "streaming",
            "events",
            "model-serving",
            "notebooks",
            "data-quality",
        ],
    },
    OrgWords {
        id: "org-platform",
        name: "Platform and Security",
        divisions: &["Compute Platform", "Developer Experience", "Reliability", "Security", "Corporate Systems"],
        domains: &[
            "compute",
            "storage",
            "network",
            "identity",
            "observability",
            "ci",
            "build",
            "developer-portal",
            "secrets",
            "edge",
            "messaging",
            "databases",
            "mobile-platform",
            "internal-apps",
        ],
    },
];

/// What a team does for its domain.
pub(crate) const FUNCTIONS: [&str; 30] = [
    "api",
    "core",
    "web",
    "models",
    "ingest",
    "detection",
    "ranking",
    "pipeline",
    "gateway",
    "reporting",
    "batch",
    "sync",
    "insights",
    "mobile",
    "scheduler",
    "cache",
    "partner",
    "tooling",
    "quality",
    "notifications",
    "rules",
    "planner",
    "worker",
    "archive",
    "sdk",
    "portal",
    "limits",
    "history",
    "automation",
    "onboarding",
];

/// Added to names when a very large company uses up domain × function.
pub(crate) const AREAS: [&str; 4] = ["emea", "apac", "latam", "nordics"];

/// What a group is called after its domain.
pub(crate) const GROUP_KINDS: [&str; 6] =
    ["experience", "systems", "services", "engineering", "products", "operations"];

/// Applications, for the tag `app`.
pub(crate) const APPS: [&str; 24] = [
    "api", "worker", "web", "cron", "etl", "db", "cache", "queue", "proxy", "admin", "export", "import", "scorer",
    "trainer", "indexer", "replayer", "router", "store", "stream", "views", "jobs", "edge", "audit", "sandbox",
];
