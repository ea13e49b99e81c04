//! One request through the services: its spans, with durations drawn from the day's random numbers.
//!
//! ```text
//! POST /v1/charges   0 ──────────────────────────────────────────────── 330 ms     most of them
//!   fraud               3 ────────── 60                                            3 in 1,000: ledger waits 4 s for the
//!   ledger              3 ── 19                                                    lock of a hot account, until repaired;
//!   bank-gateway                        62 ──────────────────────── 310            3 others: the bank is asked twice
//! ```
//! Two rare things make the tail of a charge. Until the repair, the ledger holds an account's lock over a whole booking,
//! and whoever comes for a hot account waits: that is the p99.9 before. And the bank's gateway does not answer within
//! its 1.2 s, so it is asked again: that is the p99.9 after. A hot account also takes fraud's checks longer, beside the
//! ledger's wait, so that not all of the wait can be won back.
//!
//! Durations are whole nanoseconds from integer arithmetic alone.

use crate::company::random::{ONE, Random, exp2, log2};

use super::graph::Service;
use super::otlp::{Value, resource};

pub(super) const MS: u64 = 1_000_000;
const US: u64 = 1_000;

/// The gateway of the bank is given up on after so long.
const BANK_TIMEOUT: u64 = 1_200 * MS;
/// Charges for a hot account, in ten thousand.
const HOT: u64 = 32;
/// Charges whose first call to the bank is not answered in time, in ten thousand.
const UNANSWERED: u64 = 33;
/// Calls to fraud whose client span was lost on its way, in ten thousand: the server's is an orphan.
const LOST: u64 = 3;

/// OpenTelemetry's kinds of spans.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Server = 2,
    Client = 3,
    Producer = 4,
    Consumer = 5,
}

/// What a span is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Op {
    Charge,
    ChargeFailed,
    Refund,
    Lookup,
    Balance,
    VaultCall,
    Vault,
    FraudCall,
    Fraud,
    Risk,
    LedgerCall,
    Ledger,
    FxCall,
    Fx,
    Bank,
    BankTimeout,
    BankAgain,
    BankAgainFailed,
    Publish,
    Audit,
    Database,
    ViewsCall,
    Views,
}

/// What is the same in all spans of an operation.
pub(super) struct AboutOp {
    pub(super) service: Service,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) attributes: &'static [(&'static str, Value<'static>)],
    pub(super) error: bool,
}

use Op::*;

impl Op {
    pub(super) const ALL: [Op; 23] = [
        Charge,
        ChargeFailed,
        Refund,
        Lookup,
        Balance,
        VaultCall,
        Vault,
        FraudCall,
        Fraud,
        Risk,
        LedgerCall,
        Ledger,
        FxCall,
        Fx,
        Bank,
        BankTimeout,
        BankAgain,
        BankAgainFailed,
        Publish,
        Audit,
        Database,
        ViewsCall,
        Views,
    ];

    /// True for the spans at which requests start.
    pub(super) fn is_root(self) -> bool {
        matches!(self, Charge | ChargeFailed | Refund | Lookup | Balance)
    }

    pub(super) fn about(self) -> AboutOp {
        use Kind::{Client, Consumer, Producer, Server};
        use Value::{Number, Text};
        const OK: (&str, Value<'_>) = ("http.response.status_code", Number(200));
        const GET: (&str, Value<'_>) = ("http.request.method", Text("GET"));
        const POST: (&str, Value<'_>) = ("http.request.method", Text("POST"));
        const RPC: &[(&str, Value<'_>)] = &[("rpc.system", Text("grpc"))];
        const BANK: (&str, Value<'_>) = ("peer.service", Text("bank-gateway"));
        const AT: (&str, Value<'_>) = ("server.address", Text("api.bank-gateway.example"));
        const AGAIN: (&str, Value<'_>) = ("http.request.resend_count", Number(1));
        const TIMEOUT: (&str, Value<'_>) = ("error.type", Text("timeout"));
        let (service, name, kind, attributes): (_, _, _, &'static [(&'static str, Value<'static>)]) = match self {
            Charge => (
                Service::ChargeApi,
                "POST /v1/charges",
                Server,
                &[POST, ("http.route", Text("/v1/charges")), ("http.response.status_code", Number(201))],
            ),
            ChargeFailed => (
                Service::ChargeApi,
                "POST /v1/charges",
                Server,
                &[POST, ("http.route", Text("/v1/charges")), ("http.response.status_code", Number(504))],
            ),
            Refund => (
                Service::ChargeApi,
                "POST /v1/refunds",
                Server,
                &[POST, ("http.route", Text("/v1/refunds")), ("http.response.status_code", Number(201))],
            ),
            Lookup => (
                Service::ChargeApi,
                "GET /v1/charges/{id}",
                Server,
                &[GET, ("http.route", Text("/v1/charges/{id}")), OK],
            ),
            Balance => {
                (Service::BalanceApi, "GET /v1/balance", Server, &[GET, ("http.route", Text("/v1/balance")), OK])
            }
            VaultCall => (Service::ChargeApi, "vault.v2.Vault/Detokenize", Client, RPC),
            Vault => (Service::TokenVault, "vault.v2.Vault/Detokenize", Server, RPC),
            FraudCall => (Service::ChargeApi, "fraud.v1.Fraud/Score", Client, RPC),
            Fraud => (Service::Fraud, "fraud.v1.Fraud/Score", Server, RPC),
            Risk => (Service::RiskModel, "POST /predict", Server, &[POST, ("http.route", Text("/predict")), OK]),
            LedgerCall => (Service::ChargeApi, "ledger.v1.Ledger/Reserve", Client, RPC),
            Ledger => (Service::Ledger, "ledger.v1.Ledger/Reserve", Server, RPC),
            FxCall => (Service::ChargeApi, "GET /rates", Client, &[GET, OK]),
            Fx => (Service::FxRates, "GET /rates", Server, &[GET, ("http.route", Text("/rates")), OK]),
            Bank => (Service::ChargeApi, "POST /payments", Client, &[POST, BANK, AT, OK]),
            BankTimeout => (Service::ChargeApi, "POST /payments", Client, &[POST, BANK, AT, TIMEOUT]),
            BankAgain => (Service::ChargeApi, "POST /payments", Client, &[POST, BANK, AT, OK, AGAIN]),
            BankAgainFailed => (Service::ChargeApi, "POST /payments", Client, &[POST, BANK, AT, TIMEOUT, AGAIN]),
            Publish => (
                Service::ChargeApi,
                "charges publish",
                Producer,
                &[("messaging.system", Text("kafka")), ("peer.service", Text("kafka"))],
            ),
            Audit => (Service::Audit, "charges process", Consumer, &[("messaging.system", Text("kafka"))]),
            Database => (
                Service::ChargeApi,
                "SELECT charges",
                Client,
                &[("db.system.name", Text("postgresql")), ("peer.service", Text("charges-db"))],
            ),
            ViewsCall => (Service::BalanceApi, "views.v1.Views/Balance", Client, RPC),
            Views => (Service::LedgerViews, "views.v1.Views/Balance", Server, RPC),
        };
        let error = matches!(self, ChargeFailed | BankTimeout | BankAgainFailed);
        AboutOp { service, name, kind, attributes, error }
    }
}

/// One span.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Made {
    pub(super) trace: u128,
    pub(super) id: u64,
    /// 0 for a root.
    pub(super) parent: u64,
    pub(super) op: Op,
    pub(super) service: Service,
    pub(super) host: u8,
    pub(super) version: u8,
    /// By the clock of its host, ns since the epoch.
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Made {
    /// Number of its resource.
    pub(super) fn resource(&self) -> usize {
        resource(self.service as usize, self.host, self.version)
    }
}

/// When each service is deployed: ns since the epoch, `u64::MAX` for never.
pub(super) type Deployments = [u64; super::graph::SERVICES.len()];

/// The hosts of a service are deployed one after the other, so far apart.
const ROLLOUT: u64 = 1_200_000 * MS;

/// Makes the spans of requests.
pub(super) struct Maker<'a> {
    pub(super) random: Random,
    pub(super) spans: Vec<Made>,
    /// Spans whose parent was lost, so far.
    pub(super) lost: u64,
    deployed: &'a Deployments,
    trace: u128,
    low: u64,
    next: u64,
}

impl Maker<'_> {
    pub(super) fn new(random: Random, deployed: &Deployments) -> Maker<'_> {
        Maker { random, spans: Vec::new(), lost: 0, deployed, trace: 0, low: 0, next: 0 }
    }

    /// Makes a request that starts then; its latency in ns. The root comes last of its spans.
    pub(super) fn request(&mut self, api: Op, at: u64) -> u64 {
        // As Datadog's tracers make them: seconds and 64 random bits; the root has those bits, the others are near.
        self.low = self.random.bits();
        self.trace = u128::from(at / 1_000_000_000) << 96 | u128::from(self.low);
        self.next = 0;
        let root = self.id();
        let (op, end) = match api {
            Refund => (api, self.refund(root, at)),
            Lookup => (api, self.lookup(root, at)),
            Balance => (api, self.balance(root, at)),
            _ => self.charge(root, at),
        };
        let host = self.host(op.about().service);
        self.push(op, host, root, 0, at, end);
        end - at
    }

    fn charge(&mut self, root: u64, at: u64) -> (Op, u64) {
        let mut t = at + self.around(2_400 * US, 40);
        if self.random.chance(2_500) {
            t = self.vault(root, t) + self.around(300 * US, 40);
        }
        let hot = self.random.chance(HOT);
        let checked = self.fraud(root, t, hot);
        let from = t + self.around(90 * US, 30);
        let reserved = self.ledger(root, from, hot);
        t = checked.max(reserved) + self.around(900 * US, 40);
        if self.random.chance(500) {
            t = self.fx(root, t) + self.around(200 * US, 40);
        }
        let (answered, end) = self.bank(root, t, 240 * MS);
        t = end + self.around(1_800 * US, 50);
        // The garbage collector of the API itself.
        if self.random.chance(40) {
            t += self.around(60 * MS, 60);
        }
        if self.random.chance(1_000) {
            t = self.publish(root, t);
        }
        (if answered { Charge } else { ChargeFailed }, t + self.around(700 * US, 40))
    }

    fn refund(&mut self, root: u64, at: u64) -> u64 {
        let t = at + self.around(2_000 * US, 40);
        let hot = self.random.chance(HOT);
        let t = self.ledger(root, t, hot) + self.around(800 * US, 40);
        let (_, t) = self.bank(root, t, 160 * MS);
        let t = t + self.around(500 * US, 40);
        let t = self.publish(root, t);
        t + self.around(600 * US, 40)
    }

    fn lookup(&mut self, root: u64, at: u64) -> u64 {
        let t = at + self.around(1_200 * US, 40);
        let end = t + self.around(6 * MS, 90);
        self.simple(Database, root, t, end);
        end + self.around(900 * US, 40)
    }

    fn balance(&mut self, root: u64, at: u64) -> u64 {
        let mut t = at + self.around(1_500 * US, 40);
        if self.random.chance(3_000) {
            t = self.call(ViewsCall, Views, root, t, |maker, _, _, start| {
                let slow = maker.random.chance(150);
                start + if slow { maker.about(230 * MS, 25 * MS) } else { maker.around(9 * MS, 60) }
            });
        }
        t + self.around(800 * US, 50)
    }

    fn vault(&mut self, root: u64, t: u64) -> u64 {
        self.call(VaultCall, Vault, root, t, |maker, _, _, start| {
            // The hardware module's queue.
            let queued = if maker.random.chance(60) { maker.around(280 * MS, 60) } else { 0 };
            start + queued + maker.around(8 * MS, 50)
        })
    }

    fn fraud(&mut self, root: u64, t: u64, hot: bool) -> u64 {
        let lost = self.random.chance(LOST);
        let end = self.call(FraudCall, Fraud, root, t, |maker, id, _, start| {
            let mut t = start + maker.around(38 * MS, 40);
            if maker.random.chance(2_000) {
                let (from, slow) = (t + maker.net(), maker.random.chance(120));
                t = from + if slow { maker.around(650 * MS, 50) } else { maker.around(24 * MS, 50) };
                let host = maker.host(Service::RiskModel);
                let model = maker.id();
                maker.push(Risk, host, model, id, from, t);
                t += maker.net();
            }
            if hot {
                t += maker.around(900 * MS, 40);
            }
            t + maker.around(3 * MS, 50)
        });
        if lost {
            self.lost += 1;
            self.spans.retain(|span| span.op != FraudCall || span.trace != self.trace);
        }
        end
    }

    fn ledger(&mut self, root: u64, t: u64, hot: bool) -> u64 {
        self.call(LedgerCall, Ledger, root, t, |maker, _, version, start| {
            let crowded = maker.random.chance(150);
            let waited = match (version, hot, crowded) {
                // One lock an account, held over the whole booking.
                (0, true, _) => maker.about(4_200 * MS, 260 * MS),
                (0, false, true) => maker.around(190 * MS, 80),
                // Repaired: sums of an account are kept in stripes, each with a lock of its own.
                (_, true, _) => maker.around(85 * MS, 60),
                (_, false, true) => maker.around(30 * MS, 60),
                _ => 0,
            };
            start + waited + maker.around(14 * MS, 40)
        })
    }

    fn fx(&mut self, root: u64, t: u64) -> u64 {
        self.call(FxCall, Fx, root, t, |maker, _, _, start| {
            let slow = maker.random.chance(100);
            start + if slow { maker.around(500 * MS, 40) } else { maker.around(11 * MS, 60) }
        })
    }

    /// Whether the bank answered, and when.
    fn bank(&mut self, root: u64, t: u64, median: u64) -> (bool, u64) {
        if !self.random.chance(UNANSWERED) {
            let end = t + self.around(median, 45).min(BANK_TIMEOUT - 5 * MS);
            self.simple(Bank, root, t, end);
            return (true, end);
        }
        let end = t + BANK_TIMEOUT + self.around(400 * US, 50);
        self.simple(BankTimeout, root, t, end);
        let again = end + self.about(160 * MS, 6 * MS);
        let answered = !self.random.chance(400);
        let end = again + self.about(1_445 * MS, 60 * MS);
        self.simple(if answered { BankAgain } else { BankAgainFailed }, root, again, end);
        (answered, end)
    }

    /// A message to the audit log: sent within the request, read afterwards.
    fn publish(&mut self, root: u64, t: u64) -> u64 {
        let end = t + self.around(1_500 * US, 60);
        let id = self.simple(Publish, root, t, end);
        let from = end + self.around(90 * MS, 150);
        let until = from + self.around(25 * MS, 80);
        let (host, read) = (self.host(Service::Audit), self.id());
        self.push(Audit, host, read, id, from, until);
        end
    }

    /// A call: the client's span around the server's. `serve` is given the server's span, its version and its start and
    /// says its end.
    fn call(
        &mut self,
        client: Op,
        server: Op,
        parent: u64,
        t: u64,
        serve: impl FnOnce(&mut Self, u64, u8, u64) -> u64,
    ) -> u64 {
        let (asked, served) = (self.id(), self.id());
        // Seldom all connections of the pool are in use.
        let pool = if self.random.chance(15) { self.around(70 * MS, 60) } else { 0 };
        let start = t + pool + self.net();
        let host = self.host(server.about().service);
        let version = self.version(server.about().service, host, start);
        let end = serve(self, served, version, start);
        let until = end + self.net();
        self.push(server, host, served, asked, start, end);
        let host = self.host(client.about().service);
        self.push(client, host, asked, parent, t, until);
        until
    }

    /// A span of the API itself, without children that block.
    fn simple(&mut self, op: Op, parent: u64, start: u64, end: u64) -> u64 {
        let (host, id) = (self.host(op.about().service), self.id());
        self.push(op, host, id, parent, start, end);
        id
    }

    fn push(&mut self, op: Op, host: u8, id: u64, parent: u64, start: u64, end: u64) {
        let service = op.about().service;
        let version = self.version(service, host, start);
        let clock = service.about().clocks[usize::from(host)];
        let (start, end) = (start.saturating_add_signed(clock), end.saturating_add_signed(clock));
        self.spans.push(Made { trace: self.trace, id, parent, op, service, host, version, start, end });
    }

    fn id(&mut self) -> u64 {
        self.next += 1;
        self.low ^ (self.next - 1)
    }

    /// Which host of a service takes it. Those of a trace's API differ from span to span only where the service has
    /// other hosts: one host answers a request.
    fn host(&mut self, service: Service) -> u8 {
        let hosts = service.about().clocks.len() as u64;
        match service {
            Service::ChargeApi | Service::BalanceApi => ((self.low >> 32) % hosts) as u8,
            _ => self.random.below(hosts) as u8,
        }
    }

    fn version(&self, service: Service, host: u8, start: u64) -> u8 {
        let since = self.deployed[service as usize].saturating_add(ROLLOUT * u64::from(host));
        u8::from(start >= since)
    }

    /// One way through the network.
    fn net(&mut self) -> u64 {
        self.around(320 * US, 50)
    }

    /// Log-normal around a median; the deviation in hundredths of a doubling.
    fn around(&mut self, median: u64, deviation: i64) -> u64 {
        exp2(log2(median) + deviation * self.random.normal() / 100)
    }

    /// Normal, and never less than half of the mean.
    fn about(&mut self, mean: u64, deviation: u64) -> u64 {
        let by = (deviation as i64 * (self.random.normal() >> 4)) / (ONE >> 4);
        mean.saturating_add_signed(by).max(mean / 2)
    }
}
