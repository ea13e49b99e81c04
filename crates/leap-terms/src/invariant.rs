//! Statements about our own code and data that always hold. Each has an id that a broken one prints.
//!
//! A broken invariant is our bug, never the person's: it stops a publish and says so, with its id.

/// The id of an invariant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Invariant {
    /// Per scope, currency and cost kind: Σ attributed = Σ accepted rows = the file's own total.
    ChargeConserved,
    /// Each charge has exactly one owner on its day.
    OneOwnerPerDay,
    /// Each input row is accepted, superseded or quarantined, and the counts add up.
    NoRowDropped,
    /// A cube's sums and row counts equal those of the charges it folds.
    CubeEqualsCharges,
    /// The sum of absolute amounts in a snapshot stays below the bound that keeps any engine's SUM from wrapping.
    SumsCannotWrap,
    /// A file of the lake has the bytes, rows and control sums that the book says.
    FileAsRecorded,
    /// The parts of a difference explained by causes add up to the difference.
    DifferenceExplained,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Invariant; 7] = [
        Invariant::ChargeConserved,
        Invariant::OneOwnerPerDay,
        Invariant::NoRowDropped,
        Invariant::CubeEqualsCharges,
        Invariant::SumsCannotWrap,
        Invariant::FileAsRecorded,
        Invariant::DifferenceExplained,
    ];
}

impl std::fmt::Display for Invariant {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{self:?}")
    }
}
