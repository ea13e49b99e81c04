//! One run over one scope: its keys, its resources, its cube; out comes the attribution.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryBuilder, Date32Array, RecordBatch, StringArray, StringBuilder};
use hashbrown::HashMap;
use leap_terms::{Day, Owner, RuleId, tables};

use super::columns::{AttributeError, Cell, CubeRows, Currencies, Texts, binary, digest, text};
use super::daily::{Daily, DailyKey};
use super::engine::{Engine, Memory, no_team};
use super::tags::{NULL, TagReader};
use super::timeline::{Filling, NONE, Segment, Timelines};
use super::vectors::Vectors;
use crate::interner::Interner;
use crate::predicate::{Field, Row, TagSource};
use crate::proof::{Folded, OwnerTotals};

/// Rows per batch of the attribution table.
pub(super) const BATCH_ROWS: usize = 64 << 10;

/// How often a rule was asked and what came of it, over distinct cases (not charges).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RuleUse {
    /// Cases in which it decided some day.
    pub decides: u64,
    /// Cases in which it would have named an owner if it had been the only rule. Counted only after [`ScopeRun::count_matches`].
    pub matches: u64,
    /// The rule that decided most cases in its stead, and how many.
    pub shadow: Option<(u32, u64)>,
}

/// What a run found.
#[derive(Debug)]
pub struct ScopeAttribution {
    /// Rows of the attribution table, sorted by key, resource and day: the same bytes in any order of input.
    pub batches: Vec<RecordBatch>,
    /// What each owner got, by owner, rule and currency.
    pub totals: OwnerTotals,
    /// The same day by day: the rows of the table `daily`.
    pub daily: Daily,
    /// Per rule, in the rules' order.
    pub rules: Vec<RuleUse>,
    /// Names that mean no team on some day, or several, and how many charges go by them: by rule and residual. Counted
    /// only after [`ScopeRun::count_matches`].
    pub strangers: BTreeMap<(RuleId, Owner, String), i64>,
    /// Distinct keys.
    pub keys: usize,
    /// Distinct cases for which rules ran.
    pub cases: usize,
    /// Resources under a key whose answer differs from the key's.
    pub exceptions: usize,
}

/// How a field of the rules is read from a batch of keys.
#[derive(Clone, Copy)]
enum Source {
    Column(usize),
    Either {
        allocated: usize,
        tags: usize,
    },
    Allocated(usize),
    /// A resource's column, or one that no rule of this run reads.
    Absent,
}

/// A run over one scope.
pub struct ScopeRun<'e, 'r> {
    engine: &'e Engine<'r>,
    sources: Vec<Source>,
    columns: Vec<String>,
    allocated: TagReader,
    tags: TagReader,
    values: Interner,
    projections: Vectors,
    keys: HashMap<u128, KeyClass>,
    commitments: Interner,
    classes: Vectors,
    no_resource: u32,
    resources: HashMap<u128, u32>,
    memory: Memory,
    filling: Filling,
    timelines: Timelines,
    cases: HashMap<(u32, u32), Case>,
    exceptions: HashMap<(u128, u128), u32>,
    currencies: Currencies,
    sums: HashMap<Group, Folded>,
    days: Option<(Day, Day)>,
    uses: Vec<RuleUse>,
    shadows: HashMap<(u32, u32), u64>,
    /// Charges by rule, owner and evidence, where the owner is no team.
    strangers: HashMap<(u32, u32, u32), i64>,
    counting: bool,
    candidates: Vec<u32>,
    slots: Vec<u32>,
    truths: Vec<Option<bool>>,
}

/// What is known of a key.
#[derive(Clone, Copy)]
struct KeyClass {
    projection: u32,
    /// Numbers of commitment and status in `commitments`; [`NONE`] for null.
    commitment: (u32, u32),
}

/// The text of a row, where there is one.
fn get(array: &Option<StringArray>, row: usize) -> Option<&str> {
    let array = array.as_ref().filter(|array| array.is_valid(row))?;
    Some(array.value(row)).filter(|text| !text.is_empty())
}

/// What a row of the daily table is about, by numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Group {
    day: Day,
    owner: u32,
    rule: u32,
    commitment: (u32, u32),
    currency: usize,
}

#[derive(Clone, Copy)]
struct Case {
    timeline: u32,
    counted: bool,
}

impl<'r> Engine<'r> {
    /// Starts a run over one scope.
    pub fn scope(&self) -> ScopeRun<'_, 'r> {
        let fields = self.rules().fields().all();
        let tags = |source: Option<TagSource>| {
            let keys = fields.iter().filter_map(move |field| match field {
                Field::Tag(of, key) if source.is_none_or(|source| source == *of) => Some(key.clone()),
                Field::Tag(..) | Field::Column(_) => None,
            });
            TagReader::new(keys)
        };
        let (allocated, either) = (tags(None), tags(Some(TagSource::Either)));
        let mut columns: Vec<String> = Vec::new();
        let sources = fields.iter().zip(&self.reads).map(|(field, read)| {
            let slot = |reader: &TagReader, key: &str| reader.slot(key).expect("every tag that is read has a slot");
            match field {
                field if !read || field.of_resource() => Source::Absent,
                Field::Column(name) => {
                    columns.push(name.clone());
                    Source::Column(columns.len() - 1)
                }
                Field::Tag(TagSource::Either, key) => {
                    Source::Either { allocated: slot(&allocated, key), tags: slot(&either, key) }
                }
                Field::Tag(TagSource::Allocated, key) => Source::Allocated(slot(&allocated, key)),
            }
        });
        let sources = sources.collect();
        let mut run = ScopeRun {
            engine: self,
            sources,
            columns,
            allocated,
            tags: either,
            values: Interner::default(),
            projections: Vectors::default(),
            keys: HashMap::new(),
            commitments: Interner::default(),
            classes: Vectors::default(),
            no_resource: 0,
            resources: HashMap::new(),
            memory: Memory::default(),
            filling: Filling::default(),
            timelines: Timelines::default(),
            cases: HashMap::new(),
            exceptions: HashMap::new(),
            currencies: Currencies::default(),
            sums: HashMap::new(),
            days: None,
            uses: vec![RuleUse::default(); self.rules().rules().len()],
            shadows: HashMap::new(),
            strangers: HashMap::new(),
            counting: false,
            candidates: Vec::new(),
            slots: Vec::new(),
            truths: vec![None; self.features.truth_count()],
        };
        run.no_resource = run.class(None, None);
        run
    }
}

impl ScopeRun<'_, '_> {
    /// Also counts where each rule would match, which costs asking every rule for every case: for `rules check`.
    pub fn count_matches(mut self) -> Self {
        self.counting = true;
        self
    }

    /// Writes answers for the days from `first` to `last` alone, on which the scope has charges: a change on other days then
    /// leaves its file alone.
    pub fn on(mut self, first: Day, last: Day) -> Self {
        self.days = Some((first, last));
        self
    }

    /// True when some rule says something about this key (and resource) on some day.
    pub(super) fn says_something(&mut self, key: u128, resource: Option<u128>) -> Result<bool, AttributeError> {
        let KeyClass { projection, .. } = *self.keys.get(&key).ok_or(AttributeError::UnknownKey(key))?;
        let class = resource.and_then(|resource| self.resources.get(&resource)).copied().unwrap_or(self.no_resource);
        Ok(self.some_rule_says(projection, class))
    }

    fn some_rule_says(&mut self, projection: u32, class: u32) -> bool {
        let engine = self.engine;
        let list = self.projections.get(projection);
        let mut fields: Vec<Option<&str>> = Vec::with_capacity(list.len() + engine.features.text_count());
        fields.extend(list.iter().map(|number| (*number != NULL).then(|| self.values.get(*number))));
        fields.resize(list.len() + engine.features.text_count(), None);
        engine.features.unpack(self.classes.get(class), &self.values, &mut fields, &mut self.truths, &mut self.slots);
        let row = Row { fields: &fields, truths: &self.truths };
        engine.index.candidates(row, self.slots.iter().copied(), &mut self.candidates);
        let memory = &mut self.memory;
        self.candidates.iter().any(|at| {
            let mut says = false;
            if engine.ready[*at as usize].holds(row) {
                engine.say(*at, row, memory, |_, _, _| says = true);
            }
            says
        })
    }

    /// Adds keys. A column that the batch lacks reads as null (see [`Engine::missing_columns`]).
    ///
    /// # Errors
    /// A column of the wrong type, a digest that is none.
    pub fn keys(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        let digests = binary(batch, tables::KEY)?;
        let optional = |name: &str| batch.column_by_name(name).map(|_| text(batch, name)).transpose();
        let (commitments, statuses) = (optional(tables::COMMITMENT)?, optional(tables::COMMITMENT_STATUS)?);
        self.keys.reserve(batch.num_rows());
        self.project(batch, |run, row, projection| {
            let mut number = |array| get(array, row).map_or(NONE, |text| run.commitments.intern(text));
            let commitment = (number(&commitments), number(&statuses));
            run.keys.insert(digest(digests.value(row), tables::KEY)?, KeyClass { projection, commitment });
            Ok(())
        })
    }

    /// Calls `act` with each row of keys for which some rule says something without knowing a resource, on some day.
    pub(super) fn rows_that_match(
        &mut self,
        batch: &RecordBatch,
        mut act: impl FnMut(usize),
    ) -> Result<(), AttributeError> {
        // Per projection, once it was asked.
        let mut says: Vec<Option<bool>> = Vec::new();
        self.project(batch, |run, row, projection| {
            let at = projection as usize;
            if at >= says.len() {
                says.resize(at + 1, None);
            }
            let says = *says[at].get_or_insert_with(|| run.some_rule_says(projection, run.no_resource));
            if says {
                act(row);
            }
            Ok(())
        })
    }

    /// Projects each row of keys on what the rules read, and calls `act` with the row and the number of its projection.
    fn project(
        &mut self,
        batch: &RecordBatch,
        mut act: impl FnMut(&mut Self, usize, u32) -> Result<(), AttributeError>,
    ) -> Result<(), AttributeError> {
        let optional = |name: &str| batch.column_by_name(name).map(|_| text(batch, name)).transpose();
        let mut columns = Vec::with_capacity(self.columns.len());
        for name in &self.columns {
            columns.push(Texts::new(batch, name, &mut self.values)?);
        }
        let reads_tags =
            self.sources.iter().any(|source| matches!(source, Source::Either { .. } | Source::Allocated(_)));
        let allocated = if reads_tags { optional("AllocatedTags")? } else { None };
        let tags = if reads_tags { optional("Tags")? } else { None };
        let mut list: Vec<u32> = Vec::with_capacity(self.sources.len());
        let mut last: Option<(Option<&str>, Option<&str>)> = None;
        // Where one column alone is read, its codes stand for the projections.
        let mut read = self.sources.iter().filter(|source| !matches!(source, Source::Absent));
        let alone = match (read.next(), read.next()) {
            (Some(Source::Column(at)), None) => columns[*at].codes(),
            _ => None,
        };
        let mut of_codes: Vec<Option<u32>> = Vec::new();
        for row in 0..batch.num_rows() {
            let code = alone.as_ref().map(|codes| if codes.is_valid(row) { codes.value(row) as usize + 1 } else { 0 });
            if let Some(code) = code {
                if let Some(projection) = of_codes.get(code).copied().flatten() {
                    act(self, row, projection)?;
                    continue;
                }
                of_codes.resize(of_codes.len().max(code + 1), None);
            }
            if reads_tags {
                let texts = (get(&allocated, row), get(&tags, row));
                if last != Some(texts) {
                    self.allocated.read(texts.0, &mut self.values);
                    self.tags.read(texts.1, &mut self.values);
                    last = Some(texts);
                }
            }
            list.clear();
            for source in &self.sources {
                list.push(match source {
                    Source::Absent => NULL,
                    Source::Column(at) => columns[*at].number(row, &mut self.values),
                    Source::Either { allocated, tags } => match self.allocated.value(*allocated) {
                        NULL => self.tags.value(*tags),
                        value => value,
                    },
                    Source::Allocated(at) => self.allocated.value(*at),
                });
            }
            let (projection, _) = self.projections.intern(&list);
            if let Some(code) = code {
                of_codes[code] = Some(projection);
            }
            act(self, row, projection)?;
        }
        Ok(())
    }

    /// Adds resources. Needed only where the rules read them ([`crate::rules::RuleSet::reads_resources`]).
    ///
    /// # Errors
    /// A column of the wrong type, a digest that is none.
    pub fn resources(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        if self.engine.features.is_empty() {
            return Ok(());
        }
        let digests = binary(batch, tables::RESOURCE)?;
        let (ids, names) = (text(batch, "ResourceId")?, text(batch, "ResourceName")?);
        let get = |array: &StringArray, row: usize| {
            array.is_valid(row).then(|| array.value(row).to_owned()).filter(|text| !text.is_empty())
        };
        for row in 0..batch.num_rows() {
            let resource = digest(digests.value(row), tables::RESOURCE)?;
            let class = self.class(get(&ids, row).as_deref(), get(&names, row).as_deref());
            if class != self.no_resource {
                self.resources.insert(resource, class);
            }
        }
        Ok(())
    }

    fn class(&mut self, id: Option<&str>, name: Option<&str>) -> u32 {
        let of_resource = |field: &Field| match field {
            Field::Column(column) if column == "ResourceId" => id,
            Field::Column(column) if column == "ResourceName" => name,
            Field::Column(_) | Field::Tag(..) => None,
        };
        let fields: Vec<Option<&str>> = self.engine.rules().fields().all().iter().map(of_resource).collect();
        let row = Row { fields: &fields, truths: &[] };
        self.engine.features.class(row, &mut self.values, &mut self.classes, &mut self.candidates)
    }

    /// The timeline of a case, from memory or from the rules.
    fn case(&mut self, projection: u32, class: u32, count: bool) -> u32 {
        let known = self.cases.get(&(projection, class)).copied();
        if let Some(case) = known
            && (case.counted || !count)
        {
            return case.timeline;
        }
        let engine = self.engine;
        let list = self.projections.get(projection);
        let mut fields: Vec<Option<&str>> = Vec::with_capacity(list.len() + engine.features.text_count());
        fields.extend(list.iter().map(|number| (*number != NULL).then(|| self.values.get(*number))));
        fields.resize(list.len() + engine.features.text_count(), None);
        engine.features.unpack(self.classes.get(class), &self.values, &mut fields, &mut self.truths, &mut self.slots);
        let row = Row { fields: &fields, truths: &self.truths };
        engine.index.candidates(row, self.slots.iter().copied(), &mut self.candidates);
        let timeline = match known {
            Some(case) => case.timeline,
            None => self.timelines.intern(engine.decide(row, &self.candidates, &mut self.memory, &mut self.filling)),
        };
        if count {
            let mut deciding: Vec<u32> =
                self.timelines.get(timeline).iter().map(|segment| segment.rule).filter(|rule| *rule != NONE).collect();
            deciding.sort_unstable();
            deciding.dedup();
            for rule in &deciding {
                self.uses[*rule as usize].decides += 1;
            }
            if self.counting {
                for at in &self.candidates {
                    let mut says = false;
                    if engine.ready[*at as usize].holds(row) {
                        engine.say(*at, row, &mut self.memory, |_, _, _| says = true);
                    }
                    if says {
                        self.uses[*at as usize].matches += 1;
                        if deciding.binary_search(at).is_err()
                            && let Some(first) = deciding.first()
                        {
                            *self.shadows.entry((*at, *first)).or_default() += 1;
                        }
                    }
                }
            }
        }
        self.cases.insert((projection, class), Case { timeline, counted: count });
        timeline
    }

    /// The answer for one cell, and its exception noted.
    pub(super) fn settle(&mut self, cell: &Cell) -> Result<(u32, u32), AttributeError> {
        self.answer(cell).map(|segment| (segment.owner, segment.rule))
    }

    fn answer(&mut self, cell: &Cell) -> Result<Segment, AttributeError> {
        let KeyClass { projection, .. } = *self.keys.get(&cell.key).ok_or(AttributeError::UnknownKey(cell.key))?;
        let class =
            cell.resource.and_then(|resource| self.resources.get(&resource)).copied().unwrap_or(self.no_resource);
        let timeline = self.case(projection, class, true);
        if class != self.no_resource
            && let Some(resource) = cell.resource
            && timeline != self.case(projection, self.no_resource, false)
        {
            self.exceptions.insert((cell.key, resource), timeline);
        }
        Ok(*self.timelines.on(timeline, cell.day))
    }

    /// Adds cells of the cube; all their keys and resources must have been added before.
    ///
    /// # Errors
    /// A cell whose key is unknown, a column of the wrong type.
    pub fn cube(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        let rows = CubeRows::new(batch)?;
        for at in 0..rows.len() {
            let cell = rows.cell(at, &mut self.currencies)?;
            let Segment { owner, rule, evidence, .. } = self.answer(&cell)?;
            if self.counting && no_team(owner) {
                *self.strangers.entry((rule, owner, evidence)).or_default() += cell.folded.rows;
            }
            let commitment = self.keys[&cell.key].commitment;
            let group = Group { day: cell.day, owner, rule, commitment, currency: cell.currency };
            *self.sums.entry(group).or_default() += cell.folded;
        }
        Ok(())
    }

    /// The rows of the attribution table, and the totals.
    pub fn finish(mut self) -> ScopeAttribution {
        let mut keys: Vec<(u128, u32)> = self.keys.iter().map(|(key, class)| (*key, class.projection)).collect();
        keys.sort_unstable();
        let mut exceptions: Vec<(u128, u128, u32)> =
            self.exceptions.iter().map(|((key, resource), timeline)| (*key, *resource, *timeline)).collect();
        exceptions.sort_unstable();
        let mut rows = Rows {
            batches: Vec::new(),
            keys: BinaryBuilder::new(),
            resources: BinaryBuilder::new(),
            answers: Vec::new(),
            days: self.days.map(|(first, last)| (first, last.plus(1))),
        };
        let mut next = 0;
        self.cases.reserve(keys.len().min(self.projections.len()));
        for (key, projection) in &keys {
            let timeline = self.case(*projection, self.no_resource, false);
            rows.put(&self, *key, None, timeline);
            let own = rows.clipped(&self, timeline);
            while let Some((_, resource, timeline)) = exceptions.get(next).filter(|(of, ..)| of == key) {
                // It may differ on days without charges only.
                if rows.clipped(&self, *timeline) != own {
                    rows.put(&self, *key, Some(*resource), *timeline);
                }
                next += 1;
            }
        }
        assert_eq!(next, exceptions.len(), "every exception has a key");
        rows.flush(&self);
        let mut daily = Daily::new();
        for (group, folded) in &self.sums {
            let named = |number: u32| (number != NONE).then(|| self.commitments.get(number).to_owned());
            let key = DailyKey {
                day: group.day,
                owner: self.engine.owners[group.owner as usize].clone(),
                rule: self.rule(group.rule),
                commitment: named(group.commitment.0),
                status: named(group.commitment.1),
                currency: self.currencies.all[group.currency].clone(),
            };
            daily.add(key, *folded);
        }
        let totals = daily.totals();
        for ((rule, by), cases) in &self.shadows {
            let shadow = &mut self.uses[*rule as usize].shadow;
            let better =
                shadow.is_none_or(|(other, most)| (*cases, std::cmp::Reverse(*by)) > (most, std::cmp::Reverse(other)));
            if better {
                *shadow = Some((*by, *cases));
            }
        }
        let mut strangers = BTreeMap::new();
        for ((rule, owner, evidence), charges) in &self.strangers {
            if let (Some(rule), Some(name)) = (self.rule(*rule), self.memory.strangers.get(evidence)) {
                *strangers.entry((rule, self.owner(*owner).clone(), name.clone())).or_default() += *charges;
            }
        }
        ScopeAttribution {
            batches: rows.batches,
            totals,
            daily,
            rules: self.uses,
            strangers,
            keys: keys.len(),
            cases: self.cases.len(),
            exceptions: exceptions.len(),
        }
    }

    pub(super) fn owner(&self, number: u32) -> &Owner {
        &self.engine.owners[number as usize]
    }

    fn rule(&self, number: u32) -> Option<RuleId> {
        (number != NONE).then(|| self.engine.rules().rules()[number as usize].id.clone())
    }
}

/// The attribution table being written.
struct Rows {
    batches: Vec<RecordBatch>,
    keys: BinaryBuilder,
    resources: BinaryBuilder,
    answers: Vec<Segment>,
    /// The days of the scope's charges: what an answer would be on other days is not written, so that a change on other
    /// days leaves the file alone.
    days: Option<(Day, Day)>,
}

impl Rows {
    /// The segments of a timeline on the days of the scope's charges.
    fn clipped(&self, run: &ScopeRun<'_, '_>, timeline: u32) -> Vec<Segment> {
        let all = run.timelines.get(timeline).iter().copied();
        let Some((from, until)) = self.days else { return all.collect() };
        all.filter(|segment| segment.until > from && segment.from < until)
            .map(|segment| Segment { from: segment.from.max(from), until: segment.until.min(until), ..segment })
            .collect()
    }

    fn put(&mut self, run: &ScopeRun<'_, '_>, key: u128, resource: Option<u128>, timeline: u32) {
        for segment in self.clipped(run, timeline) {
            self.keys.append_value(key.to_be_bytes());
            self.resources.append_option(resource.map(u128::to_be_bytes));
            self.answers.push(segment);
            if self.answers.len() == BATCH_ROWS {
                self.flush(run);
            }
        }
    }

    fn flush(&mut self, run: &ScopeRun<'_, '_>) {
        if self.answers.is_empty() {
            return;
        }
        let mut owners = StringBuilder::new();
        let mut rules = StringBuilder::new();
        let mut evidence = StringBuilder::new();
        let mut owner_texts: Vec<Option<String>> = vec![None; run.engine.owners.len()];
        for segment in &self.answers {
            let number = segment.owner as usize;
            owners.append_value(owner_texts[number].get_or_insert_with(|| run.engine.owners[number].to_string()));
            let rule = (segment.rule != NONE).then(|| run.engine.rules().rules()[segment.rule as usize].id.as_str());
            rules.append_option(rule);
            evidence.append_option((segment.evidence != NONE).then(|| run.memory.evidence.get(segment.evidence)));
        }
        let days = |day: fn(&Segment) -> Day| {
            Arc::new(Date32Array::from_iter_values(self.answers.iter().map(|segment| day(segment).days()))) as ArrayRef
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.keys.finish()),
            Arc::new(self.resources.finish()),
            days(|segment| segment.from),
            days(|segment| segment.until),
            Arc::new(owners.finish()),
            Arc::new(rules.finish()),
            Arc::new(evidence.finish()),
        ];
        let batch = RecordBatch::try_new(tables::attribution(), columns).expect("the columns are those of the table");
        self.batches.push(batch);
        self.answers.clear();
    }
}
