-- Second form: history. More kinds of configuration, reorgs, claims, and statements of closed periods.
--
-- Days and months are text (2026-07-01, 2026-08), everything else as in the first form. What is recorded here is never
-- changed afterwards, but for the columns that say when something ended (reverted_in, reopened_*).

-- SQLite cannot drop a CHECK, so the two tables are made anew, without a list of kinds: which ones there are is for the
-- program to say.
CREATE TABLE config_version_of_any_kind (
    kind TEXT NOT NULL,
    version BIGINT NOT NULL,
    digest TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    PRIMARY KEY (kind, version)
);
INSERT INTO config_version_of_any_kind (kind, version, digest, recorded_at, actor)
    SELECT kind, version, digest, recorded_at, actor FROM config_version;
CREATE TABLE config_file_of_any_kind (
    kind TEXT NOT NULL,
    version BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL REFERENCES config_content (digest),
    PRIMARY KEY (kind, version, ordinal),
    CONSTRAINT config_file_each_name_once UNIQUE (kind, version, name),
    FOREIGN KEY (kind, version) REFERENCES config_version_of_any_kind (kind, version)
);
INSERT INTO config_file_of_any_kind (kind, version, ordinal, name, digest)
    SELECT kind, version, ordinal, name, digest FROM config_file;
DROP TABLE config_file;
DROP TABLE config_version;
ALTER TABLE config_version_of_any_kind RENAME TO config_version;
ALTER TABLE config_file_of_any_kind RENAME TO config_file;

ALTER TABLE snapshot ADD COLUMN pools_version BIGINT;
ALTER TABLE snapshot ADD COLUMN rates_version BIGINT;
ALTER TABLE snapshot ADD COLUMN claims_version BIGINT;
CREATE INDEX snapshot_by_recorded_at ON snapshot (recorded_at);

CREATE TABLE reorg (
    id BIGINT NOT NULL PRIMARY KEY,
    snapshot BIGINT NOT NULL CONSTRAINT reorg_once_per_snapshot UNIQUE REFERENCES snapshot (id),
    effective TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    title TEXT NOT NULL,
    plan TEXT NOT NULL,
    digest TEXT NOT NULL,
    reverts BIGINT REFERENCES reorg (id),
    reverted_in BIGINT REFERENCES snapshot (id),
    CONSTRAINT reorg_reverts_earlier CHECK (reverts IS NULL OR reverts < id),
    CONSTRAINT reorg_reverted_later CHECK (reverted_in IS NULL OR reverted_in > snapshot)
);

CREATE TABLE claim (
    number BIGINT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CONSTRAINT claim_kind CHECK (kind IN ('claim', 'dispute')),
    subject TEXT NOT NULL,
    from_owner TEXT,
    to_team TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    evidence TEXT,
    opened_at BIGINT NOT NULL,
    effective TEXT NOT NULL,
    expires TEXT,
    answer_by BIGINT NOT NULL
);

-- What happened to a claim, in order; its state follows from these rows and is stored nowhere else.
CREATE TABLE claim_event (
    claim BIGINT NOT NULL REFERENCES claim (number),
    ordinal BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    event TEXT NOT NULL CONSTRAINT claim_event_known
        CHECK (event IN ('opened', 'accepted', 'declined', 'escalated', 'withdrawn', 'expired')),
    to_team TEXT,
    answer_by BIGINT,
    note TEXT,
    snapshot BIGINT REFERENCES snapshot (id),
    PRIMARY KEY (claim, ordinal),
    CONSTRAINT claim_event_opens_first CHECK ((event = 'opened') = (ordinal = 0)),
    CONSTRAINT claim_event_escalates_to CHECK ((event = 'escalated') = (to_team IS NOT NULL))
);

CREATE TABLE statement (
    billing_period TEXT NOT NULL,
    version BIGINT NOT NULL,
    snapshot BIGINT NOT NULL REFERENCES snapshot (id),
    closed_at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    digest TEXT NOT NULL,
    body TEXT NOT NULL,
    cause TEXT NOT NULL,
    approved_by TEXT,
    reason TEXT,
    difference TEXT,
    reopened_at BIGINT,
    reopened_by TEXT,
    reopened_reason TEXT,
    PRIMARY KEY (billing_period, version),
    CONSTRAINT statement_cause CHECK
        ((version = 1 AND cause = 'close') OR (version > 1 AND cause = 'restatement')),
    CONSTRAINT statement_restated_with_approval CHECK
        (version = 1 OR (approved_by IS NOT NULL AND approved_by <> actor AND reason IS NOT NULL)),
    CONSTRAINT statement_reopened_whole CHECK
        ((reopened_at IS NULL) = (reopened_by IS NULL) AND (reopened_at IS NULL) = (reopened_reason IS NULL))
);
