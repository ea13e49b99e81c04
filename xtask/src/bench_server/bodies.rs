//! Bodies as a collector sends them: spans of many traces, by service, with the attributes that spans of HTTP and databases
//! have; about 400 bytes a span. A trace's spans come in two bodies.

use super::gzip::{Group, Packed, pack};

const SERVICES: [&str; 8] =
    ["gateway", "checkout", "charge-api", "ledger", "fraud", "accounts", "notifications", "ledger-db"];
/// Traces of one pair of bodies.
const TRACES: usize = 120;
/// Below this bit times differ from span to span; from it on they are the same in a body, and change with the clock.
const LOW_BITS: u32 = 32;

/// Two bodies that hold the traces' spans between them.
pub(crate) struct Pair {
    /// The bodies.
    pub(crate) bodies: [Packed; 2],
    /// Spans of each.
    pub(crate) spans: [u64; 2],
    /// Plain bytes of both.
    pub(crate) plain: usize,
    /// Traces.
    pub(crate) traces: u64,
    /// Each trace's group in the bodies, where it has spans there; the last group of a body is the time.
    groups: [Vec<Option<usize>>; 2],
}

/// Numbers that look random and are the same every time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

struct Span {
    trace: usize,
    id: u64,
    parent: u64,
    service: usize,
    kind: u64,
    start: u64,
    end: u64,
}

/// A message being written, and where its changeable bytes stand in it.
#[derive(Default)]
struct Message {
    bytes: Vec<u8>,
    traces: Vec<(usize, usize)>,
    times: Vec<usize>,
}

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    fn field(&mut self, key: u8, bytes: &[u8]) {
        self.bytes.push(key);
        self.varint(bytes.len() as u64);
        self.bytes.extend(bytes);
    }

    fn message(&mut self, key: u8, inner: &Message) {
        self.bytes.push(key);
        self.varint(inner.bytes.len() as u64);
        let at = self.bytes.len();
        self.bytes.extend(&inner.bytes);
        self.traces.extend(inner.traces.iter().map(|(trace, place)| (*trace, place + at)));
        self.times.extend(inner.times.iter().map(|place| place + at));
    }

    fn time(&mut self, key: u8, time: u64) {
        self.bytes.push(key);
        self.times.push(self.bytes.len() + LOW_BITS as usize / 8);
        self.bytes.extend(time.to_le_bytes());
    }

    fn attribute(&mut self, key: u8, name: &str, value: &str) {
        let (mut pair, mut any) = (Message::default(), Message::default());
        any.field(0x0a, value.as_bytes());
        pair.field(0x0a, name.as_bytes());
        pair.message(0x12, &any);
        self.message(key, &pair);
    }
}

impl Pair {
    /// Makes traces of 20 to 60 spans.
    pub(crate) fn new(dice: &mut Dice) -> Pair {
        let mut spans = Vec::new();
        for trace in 0..TRACES {
            let from = dice.below(1 << 31);
            let root =
                Span { trace, id: dice.next(), parent: 0, service: 0, kind: 2, start: from, end: from + 1_900_000_000 };
            let mut open = vec![spans.len()];
            spans.push(root);
            for _ in 0..(19 + dice.below(41)) / 2 {
                // A call and the work that it asks for.
                let above = &spans[open[dice.below(open.len() as u64) as usize]];
                let (width, service) =
                    (above.end - above.start, (above.service + 1 + dice.below(3) as usize) % SERVICES.len());
                let (start, end) = (above.start + width / 8 * dice.below(4), above.end - width / 8 * dice.below(4));
                let call =
                    Span { trace, id: dice.next(), parent: above.id, service: above.service, kind: 3, start, end };
                let work = Span {
                    trace,
                    id: dice.next(),
                    parent: call.id,
                    service,
                    kind: 2,
                    start: start + width / 64,
                    end: end - width / 64,
                };
                spans.push(call);
                open.push(spans.len());
                spans.push(work);
            }
        }
        let (first, second) = (body(&spans, 0, dice), body(&spans, 1, dice));
        let plain = first.0.bytes.len() + second.0.bytes.len();
        let (one, two) = (groups(&first.0), groups(&second.0));
        Pair {
            spans: [first.1, second.1],
            plain,
            traces: TRACES as u64,
            bodies: [pack(&first.0.bytes, &one.0), pack(&second.0.bytes, &two.0)],
            groups: [one.1, two.1],
        }
    }

    /// Gives its traces new ids, and its spans times near this one.
    pub(crate) fn renew(&mut self, ids: &mut Dice, now_ns: u64) {
        let time = (now_ns >> LOW_BITS) as u32;
        for trace in 0..TRACES {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&ids.next().to_le_bytes());
            id[8..].copy_from_slice(&ids.next().to_le_bytes());
            for (body, groups) in self.bodies.iter_mut().zip(&self.groups) {
                if let Some(group) = groups[trace] {
                    body.set(group, &id);
                }
            }
        }
        for (body, groups) in self.bodies.iter_mut().zip(&self.groups) {
            body.set(groups.iter().flatten().count(), &time.to_le_bytes());
        }
    }
}

/// The groups of a message, and each trace's number among them.
fn groups(message: &Message) -> (Vec<Group>, Vec<Option<usize>>) {
    let (mut groups, mut numbers) = (Vec::new(), vec![None; TRACES]);
    for (trace, number) in numbers.iter_mut().enumerate() {
        let places: Vec<usize> = message.traces.iter().filter(|found| found.0 == trace).map(|found| found.1).collect();
        if !places.is_empty() {
            *number = Some(groups.len());
            groups.push(Group { places, length: 16 });
        }
    }
    groups.push(Group { places: message.times.clone(), length: 4 });
    (groups, numbers)
}

/// The spans of every second service, and how many.
fn body(spans: &[Span], half: usize, dice: &mut Dice) -> (Message, u64) {
    let (mut message, mut count) = (Message::default(), 0);
    for (service, name) in SERVICES.iter().enumerate().filter(|(service, _)| service % 2 == half) {
        let (mut group, mut resource, mut scope) = (Message::default(), Message::default(), Message::default());
        for (key, value) in [
            ("service.name", *name),
            ("service.namespace", "money"),
            ("service.version", "2.3.1"),
            ("service.instance.id", "627cc493-f310-47de-96bd-71410b7dec09"),
            ("deployment.environment.name", "production"),
            ("telemetry.sdk.language", "rust"),
        ] {
            resource.attribute(0x0a, key, value);
        }
        for span in spans.iter().filter(|span| span.service == service) {
            scope.message(0x12, &written(span, dice));
            count += 1;
        }
        group.message(0x0a, &resource);
        group.message(0x12, &scope);
        message.message(0x0a, &group);
    }
    (message, count)
}

fn written(span: &Span, dice: &mut Dice) -> Message {
    let mut out = Message::default();
    out.bytes.extend([0x0a, 16]);
    out.traces.push((span.trace, out.bytes.len()));
    out.bytes.extend([span.trace as u8; 16]);
    out.field(0x12, &span.id.max(1).to_be_bytes());
    out.field(0x1a, b"ot=th:0");
    if span.parent != 0 {
        out.field(0x22, &span.parent.to_be_bytes());
    }
    out.field(0x2a, ["POST /v1/charges", "SELECT accounts", "ledger.Write"][span.service % 3].as_bytes());
    out.bytes.extend([0x30, span.kind as u8]);
    out.time(0x39, span.start);
    out.time(0x41, span.end);
    let (path, port) = (format!("/v1/charges/{:08x}", dice.next() as u32), format!("{}", 32_768 + dice.below(28_000)));
    for (key, value) in [
        ("http.request.method", "POST"),
        ("url.path", path.as_str()),
        ("url.scheme", "https"),
        ("http.response.status_code", "200"),
        ("server.address", "ledger.money.svc.cluster.local"),
        ("network.peer.port", port.as_str()),
        ("network.protocol.version", "1.1"),
        ("user_agent.original", "money/2.3"),
    ] {
        out.attribute(0x4a, key, value);
    }
    out.bytes.extend([0x7a, 0]);
    out.bytes.extend([0x85, 0x01, 0x01, 0x03, 0, 0]);
    out
}
