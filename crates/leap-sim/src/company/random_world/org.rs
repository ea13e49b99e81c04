//! A random org history: a tree of up to a dozen units, and up to five reorgs.
//!
//! ```text
//! 2026-08-03  risk moves to g-platform; ads is dissolved, successor search; edge is split from data
//! 2026-09-17  ads comes back under acme, as "Advertising"
//! ```
//! Reorgs are made one after the other, in order of their days, on what exists then, so the history is valid by
//! construction: parents exist on every day of a span, nothing is its own ancestor, successors are there.

use std::collections::BTreeSet;
use std::fmt::Write;

use leap_terms::Day;

use crate::company::random::Random;

/// Levels of the tree.
const DEPTH: usize = 4;
const NAMES: [&str; 16] = [
    "payments", "search", "ledger", "risk", "ads", "ci-tools", "data", "web", "mobile", "core", "edge", "infra",
    "mail", "maps", "growth", "trust",
];
const GROUPS: [&str; 2] = ["g-platform", "g-product"];

/// A random org with the words that bills and rules may use for its units.
pub(super) struct RandomOrg {
    /// The canonical text of the history.
    pub(super) yaml: String,
    /// All ids.
    pub(super) ids: Vec<String>,
    /// All ids, names and aliases that ever were.
    pub(super) words: Vec<String>,
    /// The days of the reorgs.
    pub(super) reorgs: Vec<Day>,
}

#[derive(Clone, Default)]
struct Span {
    from: Option<Day>,
    until: Option<Day>,
    name: String,
    kind: &'static str,
    parent: Option<String>,
    aliases: Vec<String>,
    lead: Option<String>,
    head_count: Option<u64>,
    cost_center: Option<String>,
    successor: Option<String>,
    split_from: Vec<String>,
}

struct Unit {
    id: String,
    spans: Vec<Span>,
}

struct Maker<'a> {
    random: &'a mut Random,
    units: Vec<Unit>,
    fresh: Vec<String>,
}

/// Makes an org of 3 to 12 units and 0 to 5 reorgs between two days.
pub(super) fn random_org(random: &mut Random, first: Day, until: Day) -> RandomOrg {
    let mut fresh: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    random.shuffle(&mut fresh);
    let start = if random.chance(5_000) { None } else { Day::from_ymd(2026, 1, 1) };
    let mut maker = Maker { random, units: Vec::new(), fresh };
    maker.found("acme", "company", None, start);
    if maker.random.chance(1_500) {
        maker.found("zeta", "company", None, start);
    }
    let count = 3 + maker.random.index(10);
    let mut groups = GROUPS.iter();
    while maker.units.len() < count {
        let parent = maker.room_below(&BTreeSet::new());
        if let Some(group) = groups.next().filter(|_| maker.random.chance(7_000)) {
            maker.found(group, "group", parent, start);
        } else if let Some(id) = maker.fresh.pop() {
            maker.found(&id, "team", parent, start);
        }
    }
    let mut reorgs: Vec<Day> = (0..maker.random.below(6))
        .map(|_| Day::from_days(maker.random.between(i64::from(first.days()), i64::from(until.days())) as i32))
        .collect();
    reorgs.sort();
    reorgs.dedup();
    for day in &reorgs {
        maker.reorg(*day);
    }
    let units = maker.units;
    let mut words = BTreeSet::new();
    for unit in &units {
        words.insert(unit.id.clone());
        for span in &unit.spans {
            words.insert(span.name.clone());
            words.extend(span.aliases.iter().cloned());
        }
    }
    RandomOrg {
        yaml: yaml(&units),
        ids: units.iter().map(|unit| unit.id.clone()).collect(),
        words: words.into_iter().collect(),
        reorgs,
    }
}

impl Maker<'_> {
    fn found(&mut self, id: &str, kind: &'static str, parent: Option<String>, from: Option<Day>) {
        let mut span = Span { from, name: title(id), kind, parent, ..Span::default() };
        self.describe(&mut span, id);
        self.units.push(Unit { id: id.to_owned(), spans: vec![span] });
    }

    /// New aliases, lead, head count and cost center. Now and then an alias is another unit's word.
    fn describe(&mut self, span: &mut Span, id: &str) {
        span.aliases = Vec::new();
        if self.random.chance(4_000) {
            span.aliases.push(format!("{}-team", &id[..3.min(id.len())]));
        }
        if self.random.chance(1_000) && !self.units.is_empty() {
            let at = self.random.index(self.units.len());
            span.aliases.push(if self.random.chance(5_000) {
                title(&self.units[at].id)
            } else {
                "shared word".to_owned()
            });
        }
        span.lead = self.random.chance(3_000).then(|| format!("u{}", self.random.below(90)));
        let staffed = span.kind == "team" || self.random.chance(1_500);
        span.head_count = (staffed && self.random.chance(8_000)).then(|| self.random.below(20));
        span.cost_center = self.random.chance(3_000).then(|| (4_700 + self.random.below(90)).to_string());
    }

    fn last(&self, at: usize) -> &Span {
        self.units[at].spans.last().expect("a unit is made with a span")
    }

    fn lives(&self, at: usize) -> bool {
        self.last(at).until.is_none()
    }

    fn at(&self, id: &str) -> Option<usize> {
        self.units.iter().position(|unit| unit.id == id)
    }

    fn parent(&self, at: usize) -> Option<usize> {
        self.last(at).parent.as_deref().and_then(|parent| self.at(parent))
    }

    /// Levels from the root down to a unit that lives.
    fn depth(&self, at: usize) -> usize {
        1 + self.parent(at).map_or(0, |parent| self.depth(parent))
    }

    fn children(&self, at: usize) -> Vec<usize> {
        (0..self.units.len()).filter(|child| self.lives(*child) && self.parent(*child) == Some(at)).collect()
    }

    /// Levels below and including a unit.
    fn height(&self, at: usize) -> usize {
        1 + self.children(at).into_iter().map(|child| self.height(child)).max().unwrap_or(0)
    }

    fn is_below(&self, at: usize, above: usize) -> bool {
        at == above || self.parent(at).is_some_and(|parent| self.is_below(parent, above))
    }

    fn living(&self, but: &BTreeSet<usize>) -> Vec<usize> {
        (0..self.units.len()).filter(|at| self.lives(*at) && !but.contains(at)).collect()
    }

    fn pick(&mut self, among: &[usize]) -> Option<usize> {
        if among.is_empty() { None } else { Some(*self.random.pick(among)) }
    }

    /// A unit that may have another child.
    fn room_below(&mut self, but: &BTreeSet<usize>) -> Option<String> {
        let among: Vec<usize> = self.living(but).into_iter().filter(|at| self.depth(*at) < DEPTH).collect();
        self.pick(&among).map(|at| self.units[at].id.clone())
    }

    /// The span of a unit from this day on, to be changed.
    fn change_from(&mut self, at: usize, day: Day) -> &mut Span {
        let spans = &mut self.units[at].spans;
        let last = spans.last_mut().expect("a unit is made with a span");
        if last.from != Some(day) {
            let next = Span { from: Some(day), split_from: Vec::new(), ..last.clone() };
            last.until = Some(day);
            spans.push(next);
        }
        spans.last_mut().expect("a unit is made with a span")
    }

    fn reorg(&mut self, day: Day) {
        // A unit is changed at most once on a day, and what others lean on stays.
        let mut done = BTreeSet::new();
        for _ in 0..=self.random.below(3) {
            match self.random.below(10) {
                0 | 1 => self.move_one(day, &mut done),
                2 => self.rename(day, &mut done),
                3 => {
                    let Some(at) = self.choose(&done) else { continue };
                    let mut span = self.last(at).clone();
                    let id = self.units[at].id.clone();
                    self.describe(&mut span, &id);
                    let (aliases, lead, heads, center) = (span.aliases, span.lead, span.head_count, span.cost_center);
                    let now = self.change_from(at, day);
                    (now.aliases, now.lead, now.head_count, now.cost_center) = (aliases, lead, heads, center);
                    done.insert(at);
                }
                4 | 5 => self.dissolve(day, true, &mut done),
                6 => self.dissolve(day, false, &mut done),
                7 => self.split(day, &mut done),
                8 => self.come_back(day, &mut done),
                _ => self.create(day, Vec::new(), &mut done),
            }
        }
    }

    fn choose(&mut self, done: &BTreeSet<usize>) -> Option<usize> {
        let among = self.living(done);
        self.pick(&among)
    }

    fn move_one(&mut self, day: Day, done: &mut BTreeSet<usize>) {
        let Some(at) = self.choose(done).filter(|at| *at > 0) else { return };
        let room: Vec<usize> = self
            .living(&BTreeSet::new())
            .into_iter()
            .filter(|to| !self.is_below(*to, at) && Some(*to) != self.parent(at))
            .filter(|to| self.depth(*to) + self.height(at) <= DEPTH)
            .collect();
        let Some(to) = self.pick(&room) else { return };
        let parent = self.units[to].id.clone();
        self.change_from(at, day).parent = Some(parent);
        done.extend([at, to]);
    }

    fn rename(&mut self, day: Day, done: &mut BTreeSet<usize>) {
        let Some(at) = self.choose(done) else { return };
        let old = self.last(at).name.clone();
        // Sometimes a name that another unit has or had.
        let other = self.random.index(self.units.len());
        let name = if self.random.chance(2_000) {
            title(&self.units[other].id)
        } else {
            format!("{} {}", title(&self.units[at].id), 2 + self.random.below(8))
        };
        let keeps_alias = self.random.chance(5_000);
        let span = self.change_from(at, day);
        span.name = name;
        if keeps_alias && !span.aliases.contains(&old) {
            span.aliases.push(old);
        }
        done.insert(at);
    }

    fn dissolve(&mut self, day: Day, succeeded: bool, done: &mut BTreeSet<usize>) {
        let Some(at) = self.choose(done).filter(|at| *at > 0 && self.last(*at).from != Some(day)) else { return };
        let successor = if succeeded {
            let among: Vec<usize> =
                self.living(&BTreeSet::new()).into_iter().filter(|other| !self.is_below(*other, at)).collect();
            self.pick(&among)
        } else {
            None
        };
        let parent = self.last(at).parent.clone();
        for child in self.children(at) {
            self.change_from(child, day).parent.clone_from(&parent);
            done.insert(child);
        }
        done.extend(successor);
        done.extend(self.parent(at));
        let successor = successor.map(|other| self.units[other].id.clone());
        let last = self.units[at].spans.last_mut().expect("a unit is made with a span");
        last.until = Some(day);
        last.successor = successor;
        done.insert(at);
    }

    fn split(&mut self, day: Day, done: &mut BTreeSet<usize>) {
        let among: Vec<usize> = self.living(done).into_iter().filter(|at| self.last(*at).from != Some(day)).collect();
        let mut from: Vec<usize> = self.pick(&among).into_iter().collect();
        if self.random.chance(2_000) {
            from.extend(self.pick(&among));
            from.sort_unstable();
            from.dedup();
        }
        done.extend(&from);
        let ids = from.iter().map(|at| self.units[*at].id.clone()).collect();
        self.create(day, ids, done);
    }

    fn create(&mut self, day: Day, split_from: Vec<String>, done: &mut BTreeSet<usize>) {
        let Some(id) = self.fresh.pop() else { return };
        let parent = self.room_below(&BTreeSet::new());
        done.extend(parent.as_deref().and_then(|parent| self.at(parent)));
        self.found(&id, "team", parent, Some(day));
        let at = self.units.len() - 1;
        self.units[at].spans[0].split_from = split_from;
        done.insert(at);
    }

    fn come_back(&mut self, day: Day, done: &mut BTreeSet<usize>) {
        let gone: Vec<usize> =
            (0..self.units.len()).filter(|at| self.last(*at).until.is_some_and(|until| until < day)).collect();
        let Some(at) = self.pick(&gone) else { return };
        let parent = self.room_below(&BTreeSet::new());
        done.extend(parent.as_deref().and_then(|parent| self.at(parent)));
        let from = self.choose(&BTreeSet::new()).filter(|_| self.random.chance(3_000));
        let split_from: Vec<String> = from.map(|from| self.units[from].id.clone()).into_iter().collect();
        done.extend(from);
        let before = self.last(at).clone();
        let name = if self.random.chance(5_000) { before.name } else { format!("New {}", self.units[at].id) };
        let mut span = Span { from: Some(day), name, kind: before.kind, parent, split_from, ..Span::default() };
        let id = self.units[at].id.clone();
        self.describe(&mut span, &id);
        self.units[at].spans.push(span);
        done.insert(at);
    }
}

/// `ci-tools` → `Ci Tools`.
fn title(id: &str) -> String {
    id.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect::<Vec<_>>().join(" ")
}

/// Text in quotes, valid in YAML and JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn quoted_list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}

fn yaml(units: &[Unit]) -> String {
    let mut sorted: Vec<&Unit> = units.iter().collect();
    sorted.sort_by(|one, other| one.id.cmp(&other.id));
    let mut out = String::from("units:\n");
    for unit in sorted {
        writeln!(out, "- id: {}\n  spans:", quoted(&unit.id)).expect("a string takes all text");
        for span in &unit.spans {
            let mut fields = Vec::new();
            let mut field =
                |name: &str, value: Option<String>| fields.extend(value.map(|value| format!("{name}: {value}")));
            field("from", span.from.map(|day| day.to_string()));
            field("until", span.until.map(|day| day.to_string()));
            field("name", Some(quoted(&span.name)));
            field("kind", Some(quoted(span.kind)));
            field("parent", span.parent.as_deref().map(quoted));
            field("aliases", (!span.aliases.is_empty()).then(|| quoted_list(&span.aliases)));
            field("lead", span.lead.as_deref().map(quoted));
            field("head_count", span.head_count.map(|count| count.to_string()));
            field("cost_center", span.cost_center.as_deref().map(quoted));
            field("successor", span.successor.as_deref().map(quoted));
            field("split_from", (!span.split_from.is_empty()).then(|| quoted_list(&span.split_from)));
            writeln!(out, "  - {{{}}}", fields.join(", ")).expect("a string takes all text");
        }
    }
    out
}
