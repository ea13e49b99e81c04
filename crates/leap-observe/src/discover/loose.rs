//! Bills without a manifest: files of one format whose names differ only in the part's number are one delivery.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use leap_terms::limits;

use super::names::{natural, period_above, promises_rows, stem};
use super::{CandidatePart, Discovered, shown, single};
use crate::decode::detect;
use crate::error::IntakeError;

/// Groups the bills of one folder.
pub(super) fn group(folder: &Path, root: &Path, bills: &[PathBuf], found: &mut Discovered) {
    let mut groups = BTreeMap::<String, Vec<PathBuf>>::new();
    for bill in bills {
        match kind(bill) {
            Ok(kind) => groups.entry(format!("{kind}/{}", stem(bill))).or_default().push(bill.clone()),
            Err(reason) => found.ignored.push((bill.clone(), reason)),
        }
    }
    for (actual, amortized) in twins(&groups) {
        if let Some(parts) = groups.remove(&amortized) {
            groups.entry(actual).or_default().extend(parts);
        }
    }
    for mut parts in groups.into_values() {
        parts.sort_by_key(|part| natural(&shown(part)));
        let mut candidate = single(if parts.len() == 1 { &parts[0] } else { folder });
        candidate.billing_period_hint = period_above(folder, root);
        candidate.order = (candidate.billing_period_hint, String::new(), natural(&shown(&parts[0])));
        if parts.len() > limits::PARTS_PER_DELIVERY {
            let limit = limits::PARTS_PER_DELIVERY;
            candidate.refusal =
                Some(format!("{} has more parts than the limit PARTS_PER_DELIVERY = {limit}", folder.display()));
        }
        candidate.parts = parts.into_iter().map(|path| CandidatePart { path, format_hint: None }).collect();
        found.candidates.push(candidate);
    }
}

/// The family of formats that a bill belongs to, or why it is none. A file that promises rows and cannot be read stays, to
/// be refused with the decoder's own words: passing over a damaged bill would lose money in silence.
fn kind(bill: &Path) -> Result<&'static str, String> {
    let promising = bill.file_name().is_some_and(|name| promises_rows(&name.to_string_lossy()));
    match detect(bill) {
        Ok(detected) => Ok(crate::take_in::family(detected.format)),
        Err(IntakeError::UnknownFormat { nearest, .. }) if nearest == "none" => {
            Err("no bill by its columns".to_owned())
        }
        Err(_) if promising => Ok("unread"),
        Err(error) => Err(format!("no bill: {}", error.to_string().lines().next().unwrap_or_default())),
    }
}

/// Azure's two exports of one month differ in a word of their names, and belong together.
fn twins(groups: &BTreeMap<String, Vec<PathBuf>>) -> Vec<(String, String)> {
    groups
        .keys()
        .filter(|name| name.starts_with("azure/"))
        .filter_map(|name| {
            let actual = name.replace("amortised", "amortized").replace("amortized", "actual");
            (actual != *name && groups.contains_key(&actual)).then(|| (actual, name.clone()))
        })
        .collect()
}
