//! Names seen in traces, with their numbers, and what resources say of their services.
//!
//! ```text
//! service.name ledger, service.namespace money, service.version 2.3.1, team payments  →  facts(ledger)
//! ```
//! Bounded: names are cut to [`NAME_BYTES`], and beyond [`VocabularyLimits`] a new name becomes [`OTHER_NAME`] and is
//! counted, since senders choose names and may put an id into each. The key of a service is `service.name` alone; its
//! namespace, version, environment and declared team are [`ServiceFacts`], one for every combination seen.

use std::borrow::Cow;

use hashbrown::HashMap;
use leap_terms::{NameId, Names};

/// Names are cut to this many bytes, at a character's end.
pub const NAME_BYTES: usize = 512;
/// The service of spans whose resource has no `service.name`, as OpenTelemetry's conventions call it.
pub const UNKNOWN_SERVICE: &str = "unknown_service";
/// What names become once the limit is reached.
pub const OTHER_NAME: &str = "(other)";
/// Combinations of namespace, version, environment and team that are kept per service.
pub const FACTS_PER_SERVICE: usize = 64;

/// How many names are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VocabularyLimits {
    /// Names.
    pub names: usize,
    /// Bytes of all names together.
    pub bytes: usize,
}

impl Default for VocabularyLimits {
    fn default() -> VocabularyLimits {
        VocabularyLimits { names: 1_000_000, bytes: 64 << 20 }
    }
}

/// What resources say of a service: one combination, and when its spans were.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ServiceFacts {
    /// `service.namespace`.
    pub namespace: NameId,
    /// `service.version`.
    pub version: NameId,
    /// `deployment.environment.name`, else `deployment.environment`.
    pub environment: NameId,
    /// The team that the resource declares: the first present of the configured attributes.
    pub team: NameId,
    /// Earliest start of its spans, ns since the epoch.
    pub first: u64,
    /// Latest end of its spans, ns since the epoch.
    pub last: u64,
    /// Its spans, repeated ones included.
    pub spans: u64,
}

/// Names, and facts of services.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    names: Names,
    bytes: usize,
    limits: VocabularyLimits,
    other: NameId,
    unknown: NameId,
    facts: HashMap<NameId, Vec<ServiceFacts>>,
    team_attributes: Vec<String>,
    /// Names that became [`OTHER_NAME`], counted at each use.
    pub others: u64,
    /// Names cut to [`NAME_BYTES`], counted at each use.
    pub cut: u64,
    /// Combinations beyond [`FACTS_PER_SERVICE`] that were not kept.
    pub facts_dropped: u64,
}

impl Default for Vocabulary {
    fn default() -> Vocabulary {
        Vocabulary::new(["team", "service.owner"], VocabularyLimits::default())
    }
}

impl Vocabulary {
    /// An empty one. `team_attributes` are the resource attributes that declare a team, the first present wins.
    pub fn new<T: Into<String>>(team_attributes: impl IntoIterator<Item = T>, limits: VocabularyLimits) -> Vocabulary {
        let mut names = Names::new();
        let (other, unknown) = (names.number(OTHER_NAME), names.number(UNKNOWN_SERVICE));
        let team_attributes = team_attributes.into_iter().map(Into::into).collect();
        let (bytes, facts) = (OTHER_NAME.len() + UNKNOWN_SERVICE.len(), HashMap::new());
        Vocabulary { names, bytes, limits, other, unknown, facts, team_attributes, others: 0, cut: 0, facts_dropped: 0 }
    }

    /// The names.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// A name's text.
    pub fn text(&self, name: NameId) -> &str {
        self.names.text(name)
    }

    /// Every combination of facts seen of a service, in order of first sight.
    pub fn facts(&self, service: NameId) -> &[ServiceFacts] {
        self.facts.get(&service).map_or(&[], Vec::as_slice)
    }

    /// The services seen, by name.
    pub fn services(&self) -> Vec<NameId> {
        let mut services: Vec<NameId> = self.facts.keys().copied().collect();
        services.sort_unstable_by(|a, b| self.text(*a).cmp(self.text(*b)));
        services
    }

    /// The number of a name, under the limits.
    #[inline]
    pub fn name(&mut self, text: &str) -> NameId {
        if text.len() <= NAME_BYTES
            && let Some(number) = self.names.find(text)
        {
            return number;
        }
        self.new_name(text)
    }

    fn new_name(&mut self, text: &str) -> NameId {
        let mut end = text.len().min(NAME_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.cut += u64::from(end < text.len());
        let text = &text[..end];
        if let Some(number) = self.names.find(text) {
            return number;
        }
        if self.names.len() >= self.limits.names || self.bytes + end > self.limits.bytes {
            self.others += 1;
            return self.other;
        }
        self.bytes += end;
        self.names.number(text)
    }

    /// The number of a name in bytes; what is not UTF-8 becomes U+FFFD.
    #[inline]
    pub(crate) fn name_of_bytes(&mut self, text: &[u8]) -> NameId {
        match std::str::from_utf8(text) {
            Ok(text) => self.name(text),
            Err(_) => self.name(&String::from_utf8_lossy(text)),
        }
    }

    /// Service, host and facts of a resource.
    pub(crate) fn resolve(&mut self, resource: &Resource<'_>) -> Resolved {
        let service = match resource.get(Slot::Service) {
            Some(text) => self.name(text),
            None => self.unknown,
        };
        let host = [Slot::Instance, Slot::HostId, Slot::HostName, Slot::Pod]
            .into_iter()
            .find_map(|slot| resource.get(slot))
            .map(|text| self.name(text));
        let team = resource.team.as_ref().map(|(_, text)| self.name(text)).unwrap_or_default();
        let mut named = |slot| resource.get(slot).map(|text| self.name(text)).unwrap_or_default();
        let facts = ServiceFacts {
            namespace: named(Slot::Namespace),
            version: named(Slot::Version),
            environment: match named(Slot::Environment) {
                NameId::NONE => named(Slot::OldEnvironment),
                environment => environment,
            },
            team,
            first: u64::MAX,
            ..ServiceFacts::default()
        };
        Resolved { service, host: host.unwrap_or(service), facts }
    }

    /// Notes that spans of a resource came.
    pub(crate) fn saw(&mut self, resolved: &Resolved) {
        let seen = &resolved.facts;
        if seen.spans == 0 {
            return;
        }
        let kept = self.facts.entry(resolved.service).or_default();
        let same = |facts: &&mut ServiceFacts| {
            (facts.namespace, facts.version, facts.environment, facts.team)
                == (seen.namespace, seen.version, seen.environment, seen.team)
        };
        if let Some(facts) = kept.iter_mut().find(same) {
            facts.first = facts.first.min(seen.first);
            facts.last = facts.last.max(seen.last);
            facts.spans = facts.spans.saturating_add(seen.spans);
        } else if kept.len() < FACTS_PER_SERVICE {
            kept.push(*seen);
        } else {
            self.facts_dropped += 1;
        }
    }
}

/// A resource as far as it matters.
#[derive(Default)]
pub(crate) struct Resource<'a> {
    slots: [Option<Cow<'a, str>>; 9],
    team: Option<(usize, Cow<'a, str>)>,
}

#[derive(Clone, Copy)]
pub(crate) enum Slot {
    Service,
    Namespace,
    Instance,
    HostId,
    HostName,
    Pod,
    Version,
    Environment,
    OldEnvironment,
}

impl<'a> Resource<'a> {
    /// Takes an attribute, if it matters; of two with one key the first counts.
    pub(crate) fn take(&mut self, vocabulary: &Vocabulary, key: &str, value: Cow<'a, str>) {
        if value.is_empty() {
            return;
        }
        let slot = match key {
            "service.name" => Slot::Service,
            "service.namespace" => Slot::Namespace,
            "service.instance.id" => Slot::Instance,
            "host.id" => Slot::HostId,
            "host.name" => Slot::HostName,
            "k8s.pod.name" => Slot::Pod,
            "service.version" => Slot::Version,
            "deployment.environment.name" => Slot::Environment,
            "deployment.environment" => Slot::OldEnvironment,
            _ => {
                if let Some(rank) = vocabulary.team_attributes.iter().position(|wanted| wanted == key)
                    && self.team.as_ref().is_none_or(|(taken, _)| rank < *taken)
                {
                    self.team = Some((rank, value));
                }
                return;
            }
        };
        self.put(slot, value);
    }

    pub(crate) fn put(&mut self, slot: Slot, value: Cow<'a, str>) {
        let place = &mut self.slots[slot as usize];
        if place.is_none() && !value.is_empty() {
            *place = Some(value);
        }
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&str> {
        self.slots[slot as usize].as_deref()
    }
}

/// A resource in numbers.
#[derive(Clone, Copy)]
pub(crate) struct Resolved {
    pub(crate) service: NameId,
    pub(crate) host: NameId,
    facts: ServiceFacts,
}

impl Resolved {
    #[inline]
    pub(crate) fn count(&mut self, start: u64, end: u64) {
        self.facts.first = self.facts.first.min(start);
        self.facts.last = self.facts.last.max(end);
        self.facts.spans += 1;
    }
}

/// Where an attribute stands among those that name a span's peer; 0 is `peer.service`.
#[inline]
pub(crate) fn peer_rank(key: &[u8]) -> Option<u8> {
    match key {
        b"peer.service" => Some(0),
        b"db.system.name" => Some(1),
        b"db.system" => Some(2),
        b"messaging.system" => Some(3),
        b"server.address" => Some(4),
        _ => None,
    }
}

/// The attribute that counts repetitions.
pub(crate) const RESEND: &[u8] = b"http.request.resend_count";

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(vocabulary: &mut Vocabulary, attributes: &[(&'static str, &'static str)]) -> Resolved {
        let mut resource = Resource::default();
        for (key, value) in attributes {
            resource.take(vocabulary, key, Cow::Borrowed(value));
        }
        vocabulary.resolve(&resource)
    }

    #[test]
    fn a_resource_gives_service_host_and_facts() {
        let mut vocabulary = Vocabulary::default();
        let attributes = [
            ("service.owner", "b"),
            ("team", "a"),
            ("k8s.pod.name", "ledger-0"),
            ("service.name", "ledger"),
            ("service.namespace", "money"),
            ("deployment.environment", "old"),
            ("host.id", "h"),
            ("service.name", "twice"),
        ];
        let mut ledger = resolved(&mut vocabulary, &attributes);
        ledger.count(5, 9);
        ledger.count(3, 7);
        vocabulary.saw(&ledger);
        assert_eq!((vocabulary.text(ledger.service), vocabulary.text(ledger.host)), ("ledger", "h"));
        let [facts] = vocabulary.facts(ledger.service) else { panic!("one combination") };
        let texts = [facts.namespace, facts.version, facts.environment, facts.team].map(|name| vocabulary.text(name));
        assert_eq!(texts, ["money", "", "old", "a"]);
        assert_eq!((facts.first, facts.last, facts.spans), (3, 9, 2));

        let nameless = resolved(&mut vocabulary, &[]);
        assert_eq!((vocabulary.text(nameless.service), nameless.host), (UNKNOWN_SERVICE, nameless.service));
        assert_eq!(vocabulary.services(), [ledger.service]);
    }

    #[test]
    fn names_are_cut_and_bounded() {
        let mut vocabulary = Vocabulary::new(["team"], VocabularyLimits { names: 5, bytes: 10_000 });
        let long = "é".repeat(NAME_BYTES);
        let cut = vocabulary.name(&long);
        assert_eq!((vocabulary.text(cut).len(), vocabulary.cut), (NAME_BYTES, 1));
        assert_eq!(vocabulary.name(&long), cut);
        let kept = vocabulary.name("kept");
        let other = vocabulary.name("one too many");
        assert_eq!((vocabulary.text(other), vocabulary.others), (OTHER_NAME, 1));
        assert_eq!(vocabulary.name("kept"), kept);
    }

    #[test]
    fn combinations_are_kept_once_and_bounded() {
        let mut vocabulary = Vocabulary::default();
        for round in 0..2 {
            for version in 0..FACTS_PER_SERVICE + 1 {
                let mut resource = Resource::default();
                resource.take(&vocabulary, "service.name", Cow::Borrowed("s"));
                resource.take(&vocabulary, "service.version", Cow::Owned(version.to_string()));
                let mut seen = vocabulary.resolve(&resource);
                seen.count(round, round + 1);
                vocabulary.saw(&seen);
            }
        }
        let service = vocabulary.name("s");
        assert_eq!(vocabulary.facts(service).len(), FACTS_PER_SERVICE);
        assert!(vocabulary.facts(service).iter().all(|facts| facts.spans == 2 && facts.last == 2));
        assert_eq!(vocabulary.facts_dropped, 2);
    }
}
