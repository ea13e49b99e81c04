//! Attribution again after a change of rules or org: only keys whose answer can differ are asked, and only files in which an
//! answer does differ are written.
//!
//! ```text
//! let again = Again::new((&old_rules, &old_org), &new, &names);   // which rules and names differ, on which days
//! let mut run = again.scope(first_day, last_day);         // a scope with charges on those days
//! if again.reads_answers() { run.answers(&batch)?; … }    // its stored answers
//! if again.probes_keys_alone() { run.matching(&batch, 0, &mut rows)?; run.choose(&those_rows)?; }
//! else if again.probes() { run.keys(&batch)?; run.resources(&batch)?; run.pairs(&batch)?; }
//! if run.has_candidates() { /* answers, if not yet */ run.full_keys(…)?; run.cube(…)?; run.full_resources(…)?; }
//! let done = run.finish()?;                               // None: nothing differs here
//! ```
//! **Which keys can differ.** A key's answer depends on the rules that match it and on what the names they yield mean. So it
//! can differ only where its stored answer comes from a rule that ended or moved, where it rests on a name that now means
//! another unit, or where a rule that is new matches it. The first two are read off the stored answers; for the last the
//! new rules alone run over the few columns they read. What is left is asked in full: nothing is guessed.
//!
//! The result is the same, to the byte, as attributing the scope from scratch; tests hold it to that.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use hashbrown::{HashMap, HashSet};
use leap_terms::{CostKind, Currency, Day, Owner, Period, RuleId, tables};

use super::Answers;
use super::columns::{AttributeError, CubeRows, Currencies, binary, digest, text};
use super::daily::{Daily, DailyKey};
use super::engine::{Engine, mapping_evidence};
use super::merged::{Rows, merged};
use super::scope::ScopeRun;
use crate::org::Org;
use crate::proof::Folded;
use crate::rules::{CodeOwners, Outcome, RuleSet};

/// Two engines, and what can differ between their answers.
pub struct Again<'e, 'r> {
    new: &'e Engine<'r>,
    /// Only the rules that are new.
    probe: Option<Engine<'r>>,
    gone: HashSet<String>,
    /// Folded names that mean another unit on some day.
    names: HashSet<String>,
    /// Evidence of mappings' rows whose owner's name means another unit.
    told: HashMap<String, bool>,
    days: Option<Period>,
}

/// What became of one scope.
#[derive(Debug)]
pub struct AgainDone {
    /// Rows of the attribution table, all of them.
    pub batches: Vec<RecordBatch>,
    /// What changes in the daily table: charges that leave an owner are negative there. Added to the stored rows it gives the
    /// new ones; alone it adds up to nothing.
    pub change: Daily,
    /// Keys whose answer changed.
    pub changed: usize,
    /// What changed hands: day, owner before, owner after, currency.
    pub moved: BTreeMap<(Day, Owner, Owner, Currency), Folded>,
}

fn hull(a: Option<Period>, b: Option<Period>) -> Option<Period> {
    match (a, b) {
        (Some(a), Some(b)) => Period::new(a.from().min(b.from()), a.until().max(b.until())),
        (one, other) => one.or(other),
    }
}

/// The days on which a name means something else.
fn renamed(name: &str, old: &Org, new: &Org) -> Option<Period> {
    let mut days = None;
    // As spelled, which may be an id, and in any other spelling, which is none.
    for (before, after) in [
        (old.resolve_always(name), new.resolve_always(name)),
        (old.resolve_spelled_otherwise(name), new.resolve_spelled_otherwise(name)),
    ] {
        for (period, who) in &before {
            for (other, now) in &after {
                if who != now {
                    days = hull(days, period.intersection(*other));
                }
            }
        }
    }
    days
}

impl<'e, 'r> Again<'e, 'r> {
    /// Compares the rules and the org of before with an engine; `names` are those whose meaning may differ
    /// ([`Org::names_changed`]).
    pub fn new(old: (&RuleSet, &Org), new: &'e Engine<'r>, names: &[String]) -> Again<'e, 'r> {
        let (old_rules, old_org) = old;
        let change = old_rules.change_to(new.rules());
        let mut days = change.days();
        let mut gone: HashSet<String> =
            change.gone.iter().map(|rule| old_rules.rules()[rule.number].id.as_str().to_owned()).collect();
        let mut folded = HashSet::new();
        let mut told = HashMap::new();
        for name in names {
            if let Some(period) = renamed(name, old_org, new.org()) {
                days = hull(days, Some(period));
                folded.insert(fold(name));
            }
        }
        if !folded.is_empty() {
            for rule in new.rules().rules() {
                match &rule.outcome {
                    Outcome::Team(name) if folded.contains(&fold(name)) => {
                        gone.insert(rule.id.as_str().to_owned());
                    }
                    Outcome::CodeOwners(..) => {
                        gone.insert(rule.id.as_str().to_owned());
                    }
                    Outcome::Mapping(mapping) => {
                        let changed: Vec<bool> = mapping.owners().map(|name| folded.contains(&fold(name))).collect();
                        let rows = mapping.all_rows().filter(|row| changed[row.owner as usize]);
                        told.extend(rows.map(|row| (mapping_evidence(mapping.file(), row.row), true)));
                    }
                    Outcome::Team(_) | Outcome::From(_) | Outcome::Catalog(..) | Outcome::Pool(_) => {}
                }
            }
        }
        let fresh: HashSet<usize> = change.new.iter().map(|rule| rule.number).collect();
        let probe = (!fresh.is_empty()).then(|| Engine::of(new.rules(), new.org(), &|number| fresh.contains(&number)));
        Again { new, probe, gone, names: folded, told, days }
    }

    /// From the first to the last day on which an answer can differ; `None`: nothing can.
    pub fn days(&self) -> Option<Period> {
        self.days
    }

    /// True when the first look needs the stored answers: a rule ended, or a name means somebody else.
    pub fn reads_answers(&self) -> bool {
        !self.gone.is_empty() || !self.names.is_empty() || !self.told.is_empty()
    }

    /// True when the first look needs the keys: some rule is new.
    pub fn probes(&self) -> bool {
        self.probe.is_some()
    }

    /// True when the first look needs only the keys' columns, not the keys themselves: [`AgainRun::matching`] does it.
    pub fn probes_keys_alone(&self) -> bool {
        self.probes() && !self.reads_answers() && !self.probes_resources()
    }

    /// The key columns that the first look needs; none where new rules read none (a rule without a condition).
    pub fn probe_columns(&self) -> Vec<String> {
        self.probe.as_ref().map(Engine::read_columns).unwrap_or_default()
    }

    /// The key columns that asking in full needs.
    pub fn full_columns(&self) -> Vec<String> {
        let mut columns = self.new.read_columns();
        columns.extend([tables::COMMITMENT.to_owned(), tables::COMMITMENT_STATUS.to_owned()]);
        columns.sort();
        columns.dedup();
        columns
    }

    /// The cube's columns that asking in full needs: all but quantities.
    pub fn cube_columns() -> Vec<String> {
        let mut columns: Vec<String> =
            [tables::DAY, tables::KEY, tables::RESOURCE, "BillingCurrency", tables::ROWS].map(str::to_owned).to_vec();
        for kind in CostKind::ALL {
            columns.extend([kind.column().to_owned(), tables::fine_column(kind.column())]);
        }
        columns
    }

    /// True when the first look needs resources and the pairs of key and resource.
    pub fn probes_resources(&self) -> bool {
        self.probe.as_ref().is_some_and(Engine::reads_resources)
    }

    /// Starts with one scope, whose charges lie on these days.
    pub fn scope(&self, first: Day, last: Day) -> AgainRun<'_, 'r> {
        AgainRun {
            again: self,
            stored: Vec::new(),
            old: Answers::new(),
            seen: self.told.clone(),
            candidates: HashSet::new(),
            answered: 0,
            last: None,
            probed: 0,
            probe: self.probe.as_ref().map(|probe| probe.scope()),
            run: self.new.scope().on(first, last),
            commitments: HashMap::new(),
            cells: Vec::new(),
            resources: HashSet::new(),
        }
    }
}

fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}

/// One scope being looked at.
pub struct AgainRun<'a, 'r> {
    again: &'a Again<'a, 'r>,
    stored: Vec<RecordBatch>,
    old: Answers,
    /// Verdicts on texts of evidence.
    seen: HashMap<String, bool>,
    candidates: HashSet<u128>,
    /// Keys with answers that were read, the last of them, and keys that new rules were asked for.
    answered: usize,
    last: Option<Vec<u8>>,
    probed: usize,
    probe: Option<ScopeRun<'a, 'r>>,
    run: ScopeRun<'a, 'r>,
    commitments: HashMap<u128, (Option<String>, Option<String>)>,
    cells: Vec<RecordBatch>,
    /// Resources of these cells.
    resources: HashSet<u128>,
}

impl AgainRun<'_, '_> {
    /// Reads stored answers, in the order of their file.
    ///
    /// # Errors
    /// A column that is missing or of the wrong type.
    pub fn answers(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        let keys = binary(batch, tables::KEY)?;
        let (rules, evidence) = (text(batch, "rule")?, text(batch, "evidence")?);
        let resources = binary(batch, tables::RESOURCE)?;
        for row in 0..batch.num_rows() {
            let first = resources.is_null(row) && self.last.as_deref() != Some(keys.value(row));
            if first {
                self.answered += 1;
                self.last = Some(keys.value(row).to_vec());
            }
            let by_rule = rules.is_valid(row) && self.again.gone.contains(rules.value(row));
            if by_rule || evidence.is_valid(row) && self.names_somebody_else(evidence.value(row)) {
                self.candidates.insert(digest(keys.value(row), tables::KEY)?);
            }
        }
        self.stored.push(batch.clone());
        Ok(())
    }

    /// True when the value that an evidence shows is a name that changed, or cannot be told from one.
    fn names_somebody_else(&mut self, evidence: &str) -> bool {
        let names = &self.again.names;
        if names.is_empty() {
            return false;
        }
        if let Some(known) = self.seen.get(evidence) {
            return *known;
        }
        let quoted = evidence.strip_suffix('\'').and_then(|rest| {
            // The value starts at the first quote that is not doubled, seen from its end.
            let at = rest.match_indices(" '").last().map(|(at, _)| at + 2)?;
            Some(rest[at..].replace("''", "'"))
        });
        let told = match quoted {
            Some(value) if value.ends_with('…') || value.contains('\'') => true,
            Some(value) => names.contains(&fold(&value)),
            None => CodeOwners::names(evidence).iter().any(|name| names.contains(&fold(name))),
        };
        self.seen.insert(evidence.to_owned(), told);
        told
    }

    /// The first look where [`Again::probes_keys_alone`]: adds the numbers of those rows of keys for which a new rule says
    /// something. The batch has [`Again::probe_columns`], as texts or as dictionaries of texts; `first` is the number of its
    /// first row.
    ///
    /// # Errors
    /// As [`ScopeRun::keys`].
    pub fn matching(
        &mut self,
        batch: &RecordBatch,
        first: usize,
        rows: &mut Vec<Range<usize>>,
    ) -> Result<(), AttributeError> {
        let Some(probe) = &mut self.probe else { return Ok(()) };
        self.probed += batch.num_rows();
        probe.rows_that_match(batch, |row| add_row(rows, first + row))
    }

    /// These keys, of which the batch has the digests, will be asked in full.
    ///
    /// # Errors
    /// A column that is missing or of the wrong type.
    pub fn choose(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        let keys = binary(batch, tables::KEY)?;
        for row in 0..batch.num_rows() {
            self.candidates.insert(digest(keys.value(row), tables::KEY)?);
        }
        Ok(())
    }

    /// Adds the numbers of those rows of a table that are of keys which will be asked in full; the batch has their digests, and
    /// `first` is the number of its first row.
    ///
    /// # Errors
    /// A column that is missing or of the wrong type.
    pub fn rows_of_keys(
        &self,
        batch: &RecordBatch,
        first: usize,
        rows: &mut Vec<Range<usize>>,
    ) -> Result<(), AttributeError> {
        rows_in(&self.candidates, batch, tables::KEY, first, rows)
    }

    /// As [`AgainRun::rows_of_keys`], of resources under these keys; after [`AgainRun::cube`].
    ///
    /// # Errors
    /// A column that is missing or of the wrong type.
    pub fn rows_of_resources(
        &self,
        batch: &RecordBatch,
        first: usize,
        rows: &mut Vec<Range<usize>>,
    ) -> Result<(), AttributeError> {
        rows_in(&self.resources, batch, tables::RESOURCE, first, rows)
    }

    /// Keys for the first look, with [`Again::probe_columns`] and their digests.
    ///
    /// # Errors
    /// As [`ScopeRun::keys`].
    pub fn keys(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        let Some(probe) = &mut self.probe else { return Ok(()) };
        probe.keys(batch)?;
        let keys = binary(batch, tables::KEY)?;
        self.probed += batch.num_rows();
        for row in 0..batch.num_rows() {
            let key = digest(keys.value(row), tables::KEY)?;
            if probe.says_something(key, None)? {
                self.candidates.insert(key);
            }
        }
        Ok(())
    }

    /// Resources for the first look, where [`Again::probes_resources`].
    ///
    /// # Errors
    /// As [`ScopeRun::resources`].
    pub fn resources(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        match &mut self.probe {
            Some(probe) => probe.resources(batch),
            None => Ok(()),
        }
    }

    /// Which resources stand under which keys: the cube's `key` and `resource`, where [`Again::probes_resources`].
    ///
    /// # Errors
    /// A column that is missing or of the wrong type.
    pub fn pairs(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        let Some(probe) = &mut self.probe else { return Ok(()) };
        let (keys, resources) = (binary(batch, tables::KEY)?, binary(batch, tables::RESOURCE)?);
        for row in 0..batch.num_rows() {
            if resources.is_null(row) {
                continue;
            }
            let key = digest(keys.value(row), tables::KEY)?;
            let resource = digest(resources.value(row), tables::RESOURCE)?;
            if !self.candidates.contains(&key) && probe.says_something(key, Some(resource))? {
                self.candidates.insert(key);
            }
        }
        Ok(())
    }

    /// True when some key must be asked in full.
    pub fn has_candidates(&self) -> bool {
        !self.candidates.is_empty()
    }

    /// Keys looked at.
    pub fn examined(&self) -> usize {
        self.answered.max(self.probed)
    }

    fn wanted(&self, batch: &RecordBatch) -> Result<RecordBatch, AttributeError> {
        chosen(&self.candidates, batch, tables::KEY)
    }

    /// Keys with all their columns; those that cannot differ are passed over.
    ///
    /// # Errors
    /// As [`ScopeRun::keys`].
    pub fn full_keys(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        let wanted = self.wanted(batch)?;
        let keys = binary(&wanted, tables::KEY)?;
        let optional = |name: &str| wanted.column_by_name(name).map(|_| text(&wanted, name)).transpose();
        let (commitments, statuses) = (optional(tables::COMMITMENT)?, optional(tables::COMMITMENT_STATUS)?);
        for row in 0..wanted.num_rows() {
            let get = |array: &Option<arrow::array::StringArray>| {
                let array = array.as_ref().filter(|array| array.is_valid(row))?;
                Some(array.value(row)).filter(|text| !text.is_empty()).map(str::to_owned)
            };
            let key = digest(keys.value(row), tables::KEY)?;
            self.commitments.insert(key, (get(&commitments), get(&statuses)));
        }
        self.run.keys(&wanted)
    }

    /// Cells of the cube; those of keys that cannot differ are passed over.
    ///
    /// # Errors
    /// A column that is missing or of the wrong type.
    pub fn cube(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        let wanted = self.wanted(batch)?;
        if wanted.num_rows() > 0 {
            let resources = binary(&wanted, tables::RESOURCE)?;
            for row in (0..wanted.num_rows()).filter(|row| resources.is_valid(*row)) {
                self.resources.insert(digest(resources.value(row), tables::RESOURCE)?);
            }
            self.cells.push(wanted);
        }
        Ok(())
    }

    /// Resources, after the cube: those under no key that can differ are passed over.
    ///
    /// # Errors
    /// As [`ScopeRun::resources`].
    pub fn full_resources(&mut self, batch: &RecordBatch) -> Result<(), AttributeError> {
        let wanted = chosen(&self.resources, batch, tables::RESOURCE)?;
        self.run.resources(&wanted)
    }

    /// The scope's new answers, or `None` when every one stayed as it was.
    ///
    /// # Errors
    /// Stored tables that contradict each other: a damaged lake or our bug.
    pub fn finish(mut self) -> Result<Option<AgainDone>, AttributeError> {
        if self.candidates.is_empty() {
            return Ok(None);
        }
        let mut before = Vec::with_capacity(self.stored.len());
        for batch in &self.stored {
            let wanted = self.wanted(batch)?;
            self.old.add(&wanted)?;
            before.push(wanted);
        }
        for batch in &self.cells {
            self.run.cube(batch)?;
        }
        let fresh = self.run.finish();
        let (old, new) = (Rows::of(&before)?, Rows::of(&fresh.batches)?);
        let changed: HashSet<u128> =
            self.candidates.iter().copied().filter(|key| old.of_key(*key) != new.of_key(*key)).collect();
        if changed.is_empty() {
            return Ok(None);
        }
        let mut change = Daily::new();
        let mut after = Answers::new();
        for batch in &fresh.batches {
            after.add(batch)?;
        }
        let mut currencies = Currencies::default();
        let mut moved = BTreeMap::<_, Folded>::new();
        for batch in &self.cells {
            let rows = CubeRows::new(batch)?;
            for at in 0..rows.len() {
                let cell = rows.cell(at, &mut currencies)?;
                if !changed.contains(&cell.key) {
                    continue;
                }
                let key_bytes = cell.key.to_be_bytes();
                let resource = cell.resource.map(u128::to_be_bytes);
                let find = |answers: &Answers| -> Result<(Owner, Option<RuleId>), AttributeError> {
                    let found = answers.find(&key_bytes, resource.as_ref().map(<[u8; 16]>::as_slice), cell.day);
                    let found = found.ok_or(AttributeError::UnknownKey(cell.key))?;
                    Ok((found.owner.clone(), found.rule.cloned()))
                };
                let (was, is) = (find(&self.old)?, find(&after)?);
                if was == is {
                    continue;
                }
                if was.0 != is.0 {
                    let currency = currencies.all[cell.currency].clone();
                    *moved.entry((cell.day, was.0.clone(), is.0.clone(), currency)).or_default() += cell.folded;
                }
                let (commitment, status) = self.commitments.get(&cell.key).cloned().unwrap_or_default();
                let currency = currencies.all[cell.currency].clone();
                let mut key = DailyKey { day: cell.day, owner: was.0, rule: was.1, commitment, status, currency };
                change.add(key.clone(), -cell.folded);
                (key.owner, key.rule) = is;
                change.add(key, cell.folded);
            }
        }
        let batches = merged(&self.stored, &fresh.batches, &changed)?;
        Ok(Some(AgainDone { batches, change, changed: changed.len(), moved }))
    }
}

/// Adds a row's number to the last range where it follows it.
fn add_row(rows: &mut Vec<Range<usize>>, row: usize) {
    match rows.last_mut() {
        Some(last) if last.end == row => last.end += 1,
        Some(_) | None => rows.push(row..row + 1),
    }
}

/// Adds the numbers of the rows whose digest is one of these.
fn rows_in(
    digests: &HashSet<u128>,
    batch: &RecordBatch,
    name: &str,
    first: usize,
    rows: &mut Vec<Range<usize>>,
) -> Result<(), AttributeError> {
    let found = binary(batch, name)?;
    for row in (0..batch.num_rows()).filter(|row| found.is_valid(*row)) {
        if digests.contains(&digest(found.value(row), name)?) {
            add_row(rows, first + row);
        }
    }
    Ok(())
}

/// The rows whose digest is one of these.
fn chosen(digests: &HashSet<u128>, batch: &RecordBatch, name: &str) -> Result<RecordBatch, AttributeError> {
    let found = binary(batch, name)?;
    let mut chosen = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        chosen.push(digests.contains(&digest(found.value(row), name)?));
    }
    filter_record_batch(batch, &BooleanArray::from(chosen)).map_err(|error| AttributeError::BadValue(error.to_string()))
}
