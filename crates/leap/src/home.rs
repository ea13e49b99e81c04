//! The home: one folder with `leap.toml`, the lake and the book, and one writer at a time.
//!
//! ```text
//! .leap/leap.toml   settings; every one has a default
//! .leap/book.db     the book (unless leap.toml names a PostgreSQL)
//! .leap/lake/       the lake
//! .leap/spool/      bills that came through standard input, and traces that are not in the lake yet
//! .leap/cache/      packs of large bills, made anew where they are missing
//! .leap/lock        held by the one process that writes
//! ```

use std::fs::{self, File, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use leap_act::settings::{ChannelSettings, EgressSettings};
use leap_book::Book;
use leap_lake::{Lake, Staging};
use leap_terms::{Currency, Exact, SpanKind};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::failure::Failure;
use crate::kept::Kept;
use crate::people::LoginSettings;

/// `leap.toml`.
#[derive(Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// The book.
    pub(crate) book: BookSettings,
    /// Intake.
    pub(crate) intake: IntakeSettings,
    /// The lake.
    pub(crate) lake: LakeSettings,
    /// Claims.
    pub(crate) claims: ClaimsSettings,
    /// A Backstage that is asked for the org.
    pub(crate) backstage: BackstageSettings,
    /// Traces.
    pub(crate) latency: LatencySettings,
    /// `leap serve`.
    pub(crate) serve: ServeSettings,
    /// Spend against the business.
    pub(crate) charter: CharterSettings,
    /// Turns of the loop.
    pub(crate) cycle: crate::cycle::CycleSettings,
    /// Drift of the home's own cost.
    pub(crate) drift: crate::drift::DriftSettings,
    /// Who may grant waivers.
    pub(crate) waivers: crate::waivers::WaiverSettings,
    /// Logging in at an OpenID provider.
    pub(crate) login: LoginSettings,
    /// `[[channels]]`: where messages go.
    pub(crate) channels: Vec<ChannelSettings>,
    /// Where they may go.
    pub(crate) egress: EgressSettings,
}

/// `[charter]`: what spend is measured by besides money.
#[derive(Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CharterSettings {
    /// The metric of business volume whose basis points are shown; the only one where there is one.
    pub(crate) volume: Option<String>,
    /// Its currency, where its file does not say it.
    pub(crate) volume_currency: Option<Currency>,
    /// What an engineer costs in a month, fully loaded.
    pub(crate) engineer_month: Option<Exact>,
    /// Its currency; USD without it.
    pub(crate) engineer_currency: Option<Currency>,
}

/// `[latency]`.
#[derive(Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LatencySettings {
    /// Periods with more requests are answered from packed days, within 0.4 %, unless exactness is asked for.
    pub(crate) exact_requests: u64,
    /// Days for which files of the stream are kept that were merged or replaced: `--as-known-on` reaches as far back.
    pub(crate) replaced_days: u64,
    /// Metrics whose exponential histograms count requests, the most trusted first.
    pub(crate) metrics: Vec<String>,
    /// `[[latency.apis]]`: requests inside of other requests that count as requests of their own.
    pub(crate) apis: Vec<ApiSettings>,
    /// Traces over the network.
    pub(crate) stream: StreamSettings,
}

impl Default for LatencySettings {
    fn default() -> LatencySettings {
        LatencySettings {
            exact_requests: 1_000_000,
            replaced_days: 7,
            metrics: METRICS.map(str::to_owned).to_vec(),
            apis: Vec::new(),
            stream: StreamSettings::default(),
        }
    }
}

/// Metrics of requests as OpenTelemetry's conventions, its collector's span metrics and Prometheus name them.
const METRICS: [&str; 6] = [
    "http.server.request.duration",
    "rpc.server.call.duration",
    "rpc.server.duration",
    "traces.span.metrics.duration",
    "http_server_request_duration_seconds",
    "traces_span_metrics_duration_milliseconds",
];

/// `[latency.stream]`: how `leap serve` puts traces together.
#[derive(Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StreamSettings {
    /// Memory of traces in flight, in MiB; when it is used up, senders wait and the oldest traces are closed as
    /// incomplete.
    pub(crate) memory_mib: usize,
    /// With its root, a trace is complete after so many seconds without a span.
    pub(crate) quiet_seconds: u64,
    /// A trace is complete so many seconds after its root came, quiet or not.
    pub(crate) after_root_seconds: u64,
    /// A trace is complete so many seconds after its first span came, root or not.
    pub(crate) age_seconds: u64,
    /// A complete trace is held for so many seconds more: late spans make it whole again.
    pub(crate) hold_seconds: u64,
    /// Requests are stored every so many seconds …
    pub(crate) flush_seconds: u64,
    /// … and as soon as there are so many.
    pub(crate) flush_requests: usize,
    /// Size of a file of the spool, in MiB.
    pub(crate) segment_mib: u64,
}

impl Default for StreamSettings {
    fn default() -> StreamSettings {
        StreamSettings {
            memory_mib: 512,
            quiet_seconds: 10,
            after_root_seconds: 60,
            age_seconds: 300,
            hold_seconds: 30,
            flush_seconds: 30,
            flush_requests: 100_000,
            segment_mib: 64,
        }
    }
}

/// `[serve]`.
#[derive(Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServeSettings {
    /// Where the site listens.
    pub(crate) site: SocketAddr,
    /// What people type, where that is not the address: `https://leap.example.com`.
    pub(crate) public_url: Option<String>,
    /// Certificate chain in a PEM file.
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its key in a PEM file.
    pub(crate) tls_key: Option<PathBuf>,
    /// Where OTLP over HTTP is heard.
    pub(crate) otlp_http: SocketAddr,
    /// Where OTLP over gRPC is heard.
    pub(crate) otlp_grpc: SocketAddr,
    /// Largest body of a request, as received and as decompressed, in MiB.
    pub(crate) body_mib: usize,
    /// All bodies in memory at once, received and decompressed, in MiB.
    pub(crate) bodies_mib: usize,
    /// Seconds in which a body must have arrived.
    pub(crate) body_seconds: u64,
    /// Seconds that requests in flight have to end when `leap serve` stops.
    pub(crate) stop_seconds: u64,
    /// Memory for what pages are made from, in MiB; what is used least goes first.
    pub(crate) memory_mib: usize,
    /// Disk for packs of large bills, in MiB; the oldest go first.
    pub(crate) cache_mib: u64,
    /// Charges of a snapshot beyond which it is made ready before readers see it.
    pub(crate) ready_rows: u64,
}

impl Default for ServeSettings {
    fn default() -> ServeSettings {
        ServeSettings {
            site: crate::serve::SITE,
            public_url: None,
            tls_cert: None,
            tls_key: None,
            otlp_http: crate::serve::HTTP,
            otlp_grpc: crate::serve::GRPC,
            body_mib: 64,
            bodies_mib: 256,
            body_seconds: 30,
            stop_seconds: 10,
            memory_mib: 2048,
            cache_mib: 8192,
            ready_rows: 1_000_000,
        }
    }
}

/// One of `[[latency.apis]]`: the topmost spans of a trace that match are its requests, and what is promised of them.
#[derive(Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiSettings {
    /// What reports call it.
    pub(crate) name: String,
    /// `service.name`.
    pub(crate) service: Option<String>,
    /// The span's name.
    pub(crate) operation: Option<String>,
    /// `server`, `client`, `consumer` …
    pub(crate) kind: Option<KindSetting>,
    /// What the quantile must not exceed, ns: `objective = "3s"`.
    #[serde(default, deserialize_with = "time")]
    pub(crate) objective: Option<u64>,
    /// The quantile that the objective is of: `quantile = "p99"`; p99.9 without it.
    #[serde(default, deserialize_with = "quantile")]
    pub(crate) quantile: Option<leap_decide::contract::Quantile>,
    /// An incident opens after more hours of misses than this; 48 without it.
    pub(crate) grace_hours: Option<u32>,
}

/// A time as settings write it: `3s`.
fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    crate::latency::duration(&String::deserialize(from)?).map(Some).map_err(D::Error::custom)
}

/// A quantile as settings write it: `p99.9`.
fn quantile<'de, D: Deserializer<'de>>(from: D) -> Result<Option<leap_decide::contract::Quantile>, D::Error> {
    String::deserialize(from)?.trim().parse().map(Some).map_err(D::Error::custom)
}

/// The kind of a span, as settings name it.
#[derive(Deserialize, Clone, Copy, Debug, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KindSetting {
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

impl ApiSettings {
    /// False where it only says what is promised of requests that are there without it: an objective, and nothing to
    /// choose spans by.
    pub(crate) fn selects(&self) -> bool {
        self.objective.is_none() || self.service.is_some() || self.operation.is_some() || self.kind.is_some()
    }

    /// What it selects.
    pub(crate) fn selector(&self) -> leap_orient::latency::Selector {
        leap_orient::latency::Selector {
            service: self.service.clone(),
            operation: self.operation.clone(),
            kind: self.kind.map(|kind| match kind {
                KindSetting::Internal => SpanKind::Internal,
                KindSetting::Server => SpanKind::Server,
                KindSetting::Client => SpanKind::Client,
                KindSetting::Producer => SpanKind::Producer,
                KindSetting::Consumer => SpanKind::Consumer,
            }),
        }
    }
}

/// `[book]`.
#[derive(Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BookSettings {
    /// A `postgres://` URL; SQLite in the home when absent.
    pub(crate) url: Option<String>,
}

/// `[intake]`.
#[derive(Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct IntakeSettings {
    /// Share of unreadable rows, in basis points, beyond which a delivery is refused.
    pub(crate) quarantine_bps: u64,
    /// Memory of the fold before it spills, in MiB.
    pub(crate) memory_mib: usize,
    /// Threads; 0 means as many as the machine has.
    pub(crate) threads: usize,
}

impl Default for IntakeSettings {
    fn default() -> IntakeSettings {
        IntakeSettings { quarantine_bps: leap_terms::limits::QUARANTINED_BPS, memory_mib: 256, threads: 0 }
    }
}

/// `[lake]`.
#[derive(Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LakeSettings {
    /// Hours after which `leap doctor --collect` removes a file that no snapshot names.
    pub(crate) orphan_grace_hours: u64,
}

impl Default for LakeSettings {
    fn default() -> LakeSettings {
        LakeSettings { orphan_grace_hours: 24 }
    }
}

/// `[claims]`.
#[derive(Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ClaimsSettings {
    /// Days in which a claim is to be answered before the unit above is asked.
    pub(crate) answer_days: u32,
}

impl Default for ClaimsSettings {
    fn default() -> ClaimsSettings {
        ClaimsSettings { answer_days: 14 }
    }
}

/// `[backstage]`.
#[derive(Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BackstageSettings {
    /// The environment variable that holds the token.
    pub(crate) token_variable: String,
    /// Seconds that one request may take.
    pub(crate) timeout_seconds: u64,
}

impl Default for BackstageSettings {
    fn default() -> BackstageSettings {
        BackstageSettings { token_variable: "LEAP_BACKSTAGE_TOKEN".to_owned(), timeout_seconds: 60 }
    }
}

const SETTINGS_TEXT: &str = "\
# leap.toml: settings of this home. Each line shows the default.

[book]
# A PostgreSQL for the book; without it the book is book.db in this folder.
# url = \"postgres://user:password@host/database\"

[intake]
# Share of unreadable rows, in basis points (100 = 1 %), beyond which a delivery is refused.
# quarantine_bps = 100
# Memory of the fold before it spills to disk, in MiB.
# memory_mib = 256
# Threads; 0 means as many as the machine has.
# threads = 0

[lake]
# Hours after which `leap doctor --collect` removes a file that no snapshot names.
# orphan_grace_hours = 24

[claims]
# Days in which a claim or dispute is to be answered before `leap claims escalate` asks the unit above.
# answer_days = 14

# What spend is measured by besides money:
#     [charter]
# The metric of business volume (`leap ingest volume.csv`) whose basis points are shown; it may be left out where there is
# one metric. Its currency, where the file has no column currency.
#     volume = \"payment_volume\"
#     volume_currency = \"USD\"
# What an engineer costs in a month, fully loaded (salary, taxes, benefits, equipment, office), to show spend in engineers.
#     engineer_month = \"25000\"
#     engineer_currency = \"USD\"

# Who may grant a waiver of how much, besides accounts with the role approver (for the unit or a unit above): who leads a unit,
# by its kind; without up_to, any amount. Leads are named in the org as they log in.
#     [waivers]
#     currency = \"USD\"
#     levels = [{ kind = \"team\", up_to = \"1000\" }, { kind = \"division\", up_to = \"50000\" }, { kind = \"company\" }]
#     approvers_up_to = \"250000\"

[drift]
# Alerts of drift that are told: those of so many days before the newest whole day (how far back, not how long it lasts) …
# days = 7
# … that cost at least so much in a month if they stay, in any currency.
# least_per_month = \"50\"
# … and, of them, those that a message tells: by so many basis points of what their team costs in a month.
# told_bps = 200
# Changes that were announced, in a file of this folder: series,day, the series as `leap drift list` names it, or * for all.
#     announced = \"known.csv\"

[backstage]
# The environment variable that holds the token for `leap org plan https://backstage.example/api/catalog`.
# token_variable = \"LEAP_BACKSTAGE_TOKEN\"
# Seconds that one request may take.
# timeout_seconds = 60

[latency]
# Periods with more requests are answered from packed days, within 0.4 %, unless `leap latency --exact` asks for every request.
# exact_requests = 1000000
# Days for which files of requests over the network are kept that were merged or replaced since; `--as-known-on` reaches as
# far back. Files of `leap ingest` are always kept.
# replaced_days = 7
# Metrics whose exponential (or native) histograms count every request, the most trusted first: where traces are a sample, the
# quantile is read there, and traces say whose it is.
# metrics = [\"http.server.request.duration\", \"rpc.server.call.duration\", \"rpc.server.duration\", \"traces.span.metrics.duration\", \"http_server_request_duration_seconds\", \"traces_span_metrics_duration_milliseconds\"]

[latency.stream]
# Memory of traces in flight, in MiB; when it is used up, senders wait and the oldest traces are closed as incomplete.
# memory_mib = 512
# With its root, a trace is complete after so many seconds without a span; in any case so many seconds after its root came,
# and so many seconds after its first span came.
# quiet_seconds = 10
# after_root_seconds = 60
# age_seconds = 300
# A complete trace is held for so many seconds more: late spans make it whole again.
# hold_seconds = 30
# Requests are stored every so many seconds, and as soon as there are so many.
# flush_seconds = 30
# flush_requests = 100000
# Size of a file of the spool, in MiB.
# segment_mib = 64

[serve]
# Where the site listens. Beyond this machine it needs TLS, and people log in; the first one at /setup.
# site = \"127.0.0.1:7171\"
# What people type, where a proxy before the site does TLS, or where the site has a name of its own:
#     public_url = \"https://leap.example.com\"
# The site's certificate chain and key, in PEM files, where it does TLS by itself:
#     tls_cert = \"/etc/leap/cert.pem\"
#     tls_key = \"/etc/leap/key.pem\"
# Where `leap serve` hears OTLP over HTTP and gRPC. Nobody has to log in: leave it to this machine, or to a trusted network.
# otlp_http = \"127.0.0.1:4318\"
# otlp_grpc = \"127.0.0.1:4317\"
# Largest body of a request, as received and as decompressed, in MiB.
# body_mib = 64
# All bodies in memory at once, received and decompressed, in MiB; when they are used up, senders are told to come back.
# bodies_mib = 256
# Seconds in which a body must have arrived.
# body_seconds = 30
# Seconds that requests in flight have to end when `leap serve` stops.
# stop_seconds = 10
# Memory for what pages are made from, in MiB; what was used longest ago goes first.
# memory_mib = 2048
# Disk for packs of large bills, in MiB (the folder cache, which may be removed at any time); the oldest go first.
# cache_mib = 8192
# A new snapshot of more charges than these is made ready while readers still see the one before.
# ready_rows = 1000000

[cycle]
# True: leap serve performs plans by itself, where their check finds no error: it opens and resolves incidents, asks approvers
# and sends messages. False: leap cycle run shows what is due, and leap cycle run --act does it.
# act = false
# When it takes a turn besides after each change: minute hour day month weekday, in UTC.
# schedule = \"*/15 * * * *\"
# How much one plan may do: steps, and units in basis points of all units (so many are always allowed). What would do more is
# held until somebody approves it.
# steps = 1000
# units_bps = 2500
# few_units = 10
# And money that a plan is about, by currency:
#     money = { USD = \"1000000\" }
# What is held each time until somebody approves it: kinds of messages, and open_incident, resolve_incident and the like.
#     approval = [\"budget_breached\"]

[egress]
# Where messages may go besides public addresses over https: hosts and networks in private, link-local and loopback addresses,
# and hosts without encryption. Never where clouds keep credentials.
# allow = []
# unencrypted = []
# Seconds until a connection stands, and for one request, answer included.
# connect_seconds = 5
# request_seconds = 15
# A proxy for HTTP and HTTPS, and certificates (PEM) that are trusted besides the system's:
#     proxy = \"http://proxy.inner:3128\"
#     ca_file = \"company.pem\"

# Where messages go; one block for each channel. Secrets stand in variables of the environment (…_variable) or in files
# (…_file), never here; relative paths are inside of this home. leap channel check says what is wrong, leap channel test NAME
# sends one. Types: slack, pagerduty, alertmanager, webhook, smtp, file; docs/guide/messages.md has all keys and kinds. Without
# kinds a channel gets all of them; with some, name those that end a matter, too.
#     [[channels]]
#     name = \"finops\"
#     type = \"slack\"
#     address_variable = \"LEAP_SLACK_FINOPS\"
#     signing_secret_variable = \"LEAP_SLACK_SIGNING\"
#     kinds = [\"budget_breached\", \"incident_opened\", \"incident_reopened\", \"incident_resolved\", \"drift_found\"]
#     units = [\"payments\"]
# Nudges wait in quiet hours; a team gets so many in cap_days, and all of them in one where digests are wanted:
#     quiet = \"20:00-08:00\"
#     quiet_weekends = true
#     zone = \"CET-1CEST,M3.5.0,M10.5.0/3\"
#     cap = 2
#     cap_days = 7
#     digest = \"monday 09:00\"

# Single sign-on with OpenID Connect, beside passwords. At the provider the address to come back to is that of the site with
# /login/oidc/callback. The client's secret comes from the environment variable, or else from the file; without both the
# client is a public one.
#     [login.oidc]
#     issuer = \"https://login.example.com\"
#     client_id = \"leap\"
#     secret_variable = \"LEAP_OIDC_SECRET\"
#     secret_file = \"/etc/leap/oidc-secret\"
# What people read on the button, what is asked for beside \"openid\", and seconds that a request to the provider may take.
#     label = \"single sign-on\"
#     scopes = [\"profile\", \"email\"]
#     timeout_seconds = 10
# Who is let in has a login (leap user add NAME --subject SUB). With add_people anybody whom the provider lets in gets one, named by
# this claim, with the roles of their groups.
#     add_people = false
#     name_claim = \"preferred_username\"
# Roles by group, given and taken at every login. Roles that stand nowhere here are those of leap user grant, and stay.
#     groups_claim = \"groups\"
#     [login.oidc.groups]
#     \"cloud-finance\" = [\"viewer\", \"approver\"]
#     \"payments-leads\" = [\"team-lead@payments\"]

# Requests inside of other requests that are requests of their own, such as an API behind a gateway. For traces taken in
# from then on. One block for each:
#     [[latency.apis]]
#     name = \"charge\"
#     service = \"charge-api\"
#     operation = \"POST /v1/charges\"
#     kind = \"server\"
# What is promised of an API: its quantile (p99.9 where it is left out) takes no longer than the objective, and an incident
# opens after more hours of misses than grace_hours (48). Without service, operation and kind the block says only this, of the
# requests that `leap latency --api NAME` shows (\"*\": of all requests):
#     [[latency.apis]]
#     name = \"charge-api POST /v1/charges\"
#     objective = \"3s\"
#     quantile = \"p99.9\"
#     grace_hours = 48
";

/// An opened home.
pub(crate) struct Home {
    /// The folder, absolute.
    pub(crate) root: PathBuf,
    /// Settings.
    pub(crate) settings: Settings,
    /// The text that they were read from, for faults that are found later.
    pub(crate) settings_text: String,
    /// The lake.
    pub(crate) lake: Lake,
    /// The book.
    pub(crate) book: Book,
    /// What this process has read and may need again.
    pub(crate) kept: Arc<Kept>,
    /// Held while this process may write.
    _lock: Option<File>,
}

/// What the caller wants to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Read one snapshot.
    Read,
    /// Publish snapshots; at most one process at a time.
    Write,
}

impl Home {
    /// Makes `leap.toml` in a new or empty folder.
    pub(crate) fn init(root: &Path) -> Result<PathBuf, Failure> {
        make_folder(root)?;
        let path = root.join("leap.toml");
        if path.exists() {
            return Err(Failure::failed(format!("{} exists already; nothing was changed", path.display())));
        }
        fs::write(&path, SETTINGS_TEXT).map_err(|error| failed("write", &path, &error))?;
        Ok(path)
    }

    /// Opens a home. Reading needs one that exists; writing makes the folder.
    pub(crate) async fn open(root: &Path, access: Access) -> Result<Home, Failure> {
        match access {
            Access::Write => make_folder(root)?,
            Access::Read if !root.is_dir() => {
                return Err(Failure::failed(format!(
                    "there is no home at {}; take in a bill first (leap --home {0} ingest PATH), or try leap demo",
                    root.display()
                )));
            }
            Access::Read if !["book.db", "leap.toml"].iter().any(|name| root.join(name).exists()) => {
                return Err(Failure::failed(format!(
                    "{} is a folder and no home of leap; name the home (--home DIR or LEAP_HOME), or take in a bill there \
                     first (leap --home {0} ingest PATH)",
                    root.display()
                )));
            }
            Access::Read => {}
        }
        let root = root.canonicalize().map_err(|error| failed("open", root, &error))?;
        let (settings, settings_text) = read_settings(&root.join("leap.toml"))?;
        let lock = match access {
            Access::Write => Some(lock(&root)?),
            Access::Read => None,
        };
        let url = settings.book.url.clone().unwrap_or_else(|| format!("sqlite:{}", root.join("book.db").display()));
        let book = Book::open(&url).await.map_err(|error| Failure::from_error(&error))?;
        let lake = Lake::open(&root.join("lake")).map_err(|error| Failure::from_error(&error))?;
        let kept = Arc::new(Kept::new(settings.serve.memory_mib.saturating_mul(1 << 20)));
        Ok(Home { root, settings, settings_text, lake, book, kept, _lock: lock })
    }

    /// The settings of a home alone, which may not exist yet.
    pub(crate) fn settings(root: &Path) -> Result<Settings, Failure> {
        read_settings(&root.join("leap.toml")).map(|(settings, _)| settings)
    }

    /// Lets this process write until what is returned is dropped, in a home that was opened to read.
    pub(crate) fn lock_for_writing(&self) -> Result<File, Failure> {
        lock(&self.root)
    }

    /// A place in the lake for files that nobody reads yet, and that no other work of this or another process uses.
    pub(crate) fn stage(&self, what: &str) -> Result<Staging, Failure> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("{what}-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        self.lake.stage(&name).map_err(|error| Failure::from_error(&error))
    }

    /// A folder inside the home, made when absent.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.root.join(name);
        make_folder(&path)?;
        Ok(path)
    }
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|error| failed("make", path, &error))
}

/// A failure that names what could not be done to which path.
pub(crate) fn failed(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("could not {what} {}: {error}", path.display()))
}

fn lock(root: &Path) -> Result<File, Failure> {
    let path = root.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| failed("open", &path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::try_again(format!(
            "another process is writing to {}; wait for it to end and try again",
            root.display()
        ))),
        Err(TryLockError::Error(error)) => Err(failed("lock", &path, &error)),
    }
}

/// The settings and the text that they were read from.
fn read_settings(path: &Path) -> Result<(Settings, String), Failure> {
    match fs::read_to_string(path) {
        Ok(text) => match toml::from_str(&text) {
            Ok(settings) => Ok((settings, text)),
            Err(error) => Err(Failure::usage(format!("{}: {}", path.display(), told(&error, &text)))),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok((Settings::default(), String::new())),
        Err(error) => Err(failed("read", path, &error)),
    }
}

/// What is wrong with settings. Of what is wrong in `[[channels]]` the line is named and not shown: who writes a secret
/// there, where none belongs, does not find it in a log.
fn told(error: &toml::de::Error, text: &str) -> String {
    let at = error.span().map_or(0, |span| span.start);
    let before = text.get(..at).unwrap_or(text);
    let header = before.lines().rev().map(str::trim_start).find(|line| line.starts_with('['));
    if !header.is_some_and(|header| header.starts_with("[[channels]]")) {
        return error.to_string().trim_end().to_owned();
    }
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
    // Words in quotation marks are what was written.
    let message = error.message().split('"').next().unwrap_or_default().trim_end();
    format!("line {line}, column {column}: channels: {message} (the line is not shown, as it may hold a secret)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_settings_are_the_defaults() {
        let uncommented: String = SETTINGS_TEXT
            .lines()
            .map(|line| {
                line.strip_prefix("# ")
                    .filter(|rest| rest.split(' ').nth(1) == Some("=") && !rest.starts_with("url"))
                    .unwrap_or(line)
            })
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(toml::from_str::<Settings>(&uncommented).unwrap(), Settings::default());
        assert!(uncommented.contains("\nquarantine_bps = 100\n"));
    }

    #[test]
    fn an_api_may_have_an_objective_alone() {
        let read = |text: &str| toml::from_str::<Settings>(&format!("[[latency.apis]]\nname = \"a\"\n{text}"));
        let api = read("objective = \"1.5s\"\nquantile = \"p99\"\ngrace_hours = 24\n").unwrap().latency.apis.remove(0);
        assert_eq!((api.objective, api.grace_hours), (Some(1_500_000_000), Some(24)));
        assert_eq!(api.quantile, "p99".parse().ok());
        assert!(!api.selects());
        assert!(read("objective = \"3s\"\nkind = \"server\"\n").unwrap().latency.apis[0].selects());
        assert!(read("").unwrap().latency.apis[0].selects());
        for (wrong, said) in [("objective = \"3\"", "is no time"), ("quantile = \"9\"", "is no quantile")] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_line_of_channels_is_named_and_not_shown() {
        let of = |text: &str| told(&toml::from_str::<Settings>(text).unwrap_err(), text);
        let channel = "[[channels]]\nname = \"a\"\ntype = \"slack\"\n";
        for wrong in ["password = \"s3cret\"", "port = \"s3cret\"", "address_variable = [\"s3cret\"]", "cap = s3cret"] {
            let said = of(&format!("{channel}{wrong}\n"));
            assert!(said.starts_with("line 4, column ") && !said.contains("s3cret"), "{wrong}: {said}");
        }
        assert!(of(&format!("{channel}[egress]\nallow = \"10.0.0.0/8\"\n")).contains("10.0.0.0/8"));
    }

    #[test]
    fn a_misspelt_setting_is_refused() {
        let error = toml::from_str::<Settings>("[intake]\nquarantine = 5\n").unwrap_err();
        assert!(error.to_string().contains("unknown field `quarantine`"), "{error}");
    }
}
