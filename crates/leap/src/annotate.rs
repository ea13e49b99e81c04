//! Charges with their owners: each row's key and resource are named again from its own columns, and its slice's answers
//! looked up, so that rows, cube and reports cannot disagree about an owner.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Field, TimestampMicrosecondType};
use leap_lake::Annotator;
use leap_observe::fold;
use leap_orient::attribute::{Answer, Answers};
use leap_terms::tables::{BILLING_PERIOD, DELIVERY, SOURCE};
use leap_terms::{Day, Instant, Owner};

use crate::failure::Failure;
use crate::view::View;
use crate::world::{Open, Slice, answers};

/// The owner's columns of a charge.
pub(crate) const OWNER: &str = "x_LeapOwner";
pub(crate) const RULE: &str = "x_LeapRule";
pub(crate) const EVIDENCE: &str = "x_LeapEvidence";
pub(crate) const SNAPSHOT: &str = "x_LeapSnapshot";
/// The units from the root down to the owner, as it was on the charge's day; in exports.
pub(crate) const UNIT_PATH: &str = "x_LeapUnitPath";

/// Who owns a charge, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Owned {
    pub(crate) owner: Owner,
    pub(crate) rule: Option<String>,
    pub(crate) evidence: Option<String>,
    /// The snapshot that says so.
    pub(crate) snapshot: Arc<str>,
}

struct SliceOwners {
    key_columns: Vec<String>,
    answers: Answers,
    /// The snapshot that shows the slice.
    snapshot: Arc<str>,
}

/// The answers of a snapshot, ready for rows.
pub(crate) struct Owners {
    slices: HashMap<(String, String, String), SliceOwners>,
    needs: BTreeSet<String>,
}

impl Owners {
    /// Reads the answers of some slices of one snapshot.
    pub(crate) fn load(slices: &[Slice], snapshot: String, open: Open) -> Result<Owners, Failure> {
        let snapshot: Arc<str> = snapshot.into();
        Owners::of_slices(slices.iter().map(|slice| (slice, snapshot.clone())), open)
    }

    /// Reads the answers of what a view shows: closed periods at the snapshots of their statements.
    pub(crate) fn of_view(view: &View, open: Open) -> Result<Owners, Failure> {
        let slices = view.slices();
        let snapshot = |layer: usize| Arc::from(view.layer(layer).world.digest_text());
        Owners::of_slices(slices.iter().map(|(layer, slice)| (slice, snapshot(*layer))), open)
    }

    fn of_slices<'s>(slices: impl Iterator<Item = (&'s Slice, Arc<str>)>, open: Open) -> Result<Owners, Failure> {
        let mut owners = Owners::none();
        for (slice, snapshot) in slices {
            owners.put(slice, slice.key_columns(), answers(slice, open)?, snapshot);
        }
        Ok(owners)
    }

    /// Of no slice yet.
    pub(crate) fn none() -> Owners {
        let fixed = ["ChargePeriodStart", "ResourceId", "ResourceName", DELIVERY, SOURCE, BILLING_PERIOD];
        Owners { slices: HashMap::new(), needs: fixed.map(str::to_owned).into() }
    }

    /// Adds the answers of a slice, by keys of these columns.
    pub(crate) fn put(&mut self, slice: &Slice, key_columns: Vec<String>, answers: Answers, snapshot: Arc<str>) {
        self.needs.extend(key_columns.iter().cloned());
        let scope = &slice.scope;
        let name = (scope.source.to_string(), scope.billing_period.to_string(), slice.delivery.to_string());
        self.slices.insert(name, SliceOwners { key_columns, answers, snapshot });
    }

    /// The columns of `charges` that [`Owners::of`] needs.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.needs.iter().map(String::as_str)
    }

    /// The owner of each row, on its day.
    pub(crate) fn of(&self, batch: &RecordBatch) -> Result<Vec<Owned>, String> {
        self.on(batch, None)
    }

    /// The owner of each row as if it had come on another day. Answers that the lake keeps say nothing reliable of days on
    /// which their slice has no charge: these must have been made for that day.
    pub(crate) fn on(&self, batch: &RecordBatch, other: Option<Day>) -> Result<Vec<Owned>, String> {
        let mut owned = Vec::with_capacity(batch.num_rows());
        self.each(batch, other, |answer, snapshot| {
            owned.push(Owned {
                owner: answer.owner.clone(),
                rule: answer.rule.map(ToString::to_string),
                evidence: answer.evidence.map(str::to_owned),
                snapshot: snapshot.clone(),
            });
        })?;
        Ok(owned)
    }

    /// Calls `act` with the answer of each row, in their order; else as [`Owners::on`].
    pub(crate) fn each<'o>(
        &'o self,
        batch: &RecordBatch,
        other: Option<Day>,
        mut act: impl FnMut(Answer<'o>, &Arc<str>),
    ) -> Result<(), String> {
        let text = |name: &str| -> Result<StringArray, String> {
            let array = batch.column_by_name(name).ok_or_else(|| format!("a batch of charges lacks {name}"))?;
            Ok(array.as_string::<i32>().clone())
        };
        let (sources, periods, deliveries) = (text(SOURCE)?, text(BILLING_PERIOD)?, text(DELIVERY)?);
        let starts = batch.column_by_name("ChargePeriodStart").ok_or("a batch of charges lacks ChargePeriodStart")?;
        let starts = starts.as_primitive::<TimestampMicrosecondType>();
        let resources = fold::resource_digests(batch);
        let mut row = 0;
        // Rows of one slice stand together; each run is keyed with the columns of its slice.
        while row < batch.num_rows() {
            let name = (sources.value(row), periods.value(row), deliveries.value(row));
            let mut end = row + 1;
            while end < batch.num_rows() && (sources.value(end), periods.value(end), deliveries.value(end)) == name {
                end += 1;
            }
            let key = (name.0.to_owned(), name.1.to_owned(), name.2.to_owned());
            let slice =
                self.slices.get(&key).ok_or_else(|| format!("charges of delivery {} have no answers", name.2))?;
            let run = batch.slice(row, end - row);
            let keys = fold::key_digests(&run, &slice.key_columns);
            for (at, key) in keys.iter().enumerate() {
                let day: Day = Instant::from_micros(starts.value(row + at)).day();
                let resource = resources[row + at].as_ref().map(|digest| digest.as_slice());
                let day = other.unwrap_or(day);
                let answer = slice
                    .answers
                    .find(key, resource, day)
                    .ok_or_else(|| format!("a charge of delivery {} on {day} has no owner", name.2))?;
                act(answer, &slice.snapshot);
            }
            row = end;
        }
        Ok(())
    }
}

impl Annotator for Owners {
    fn fields(&self) -> Vec<Field> {
        [OWNER, RULE, EVIDENCE, SNAPSHOT].map(|name| Field::new(name, DataType::Utf8, true)).to_vec()
    }

    fn needs(&self) -> Vec<String> {
        self.needs.iter().cloned().collect()
    }

    fn annotate(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>, String> {
        let (mut owners, mut rules, mut evidence) = (StringBuilder::new(), StringBuilder::new(), StringBuilder::new());
        let mut snapshots = StringBuilder::new();
        for owned in self.of(batch)? {
            snapshots.append_value(&owned.snapshot);
            owners.append_value(owned.owner.to_string());
            rules.append_option(owned.rule);
            evidence.append_option(owned.evidence);
        }
        let arrays: [ArrayRef; 4] =
            [owners, rules, evidence, snapshots].map(|mut texts| Arc::new(texts.finish()) as ArrayRef);
        debug_assert!(arrays.iter().all(|array| array.len() == batch.num_rows()));
        Ok(arrays.to_vec())
    }
}
