-- One owner's total of a scope is found without looking at the others.
DROP INDEX owner_total_by_scope;
CREATE INDEX owner_total_by_scope ON owner_total (source, billing_period, owner, from_snapshot);
