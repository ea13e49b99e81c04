-- One owner's total of a scope is found without looking at the others, and what holds now without looking at what held.
DROP INDEX owner_total_by_scope;
CREATE INDEX owner_total_by_scope ON owner_total (source, billing_period, owner, from_snapshot);
CREATE INDEX owner_total_now ON owner_total (source, billing_period, owner) WHERE until_snapshot IS NULL;
