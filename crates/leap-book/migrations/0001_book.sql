-- The book, first form. One text for SQLite and PostgreSQL: BIGINT and TEXT alone, no database's own functions.
--
-- Instants are microseconds since 1970 in UTC, amounts exact decimal text, booleans 0 or 1, lists and maps JSON text.
-- What is true from one snapshot until another has two columns for it; what is true now has the second one empty.

CREATE TABLE config_content (
    digest TEXT NOT NULL PRIMARY KEY,
    encoding TEXT NOT NULL CONSTRAINT config_content_encoding CHECK (encoding IN ('utf-8', 'hex')),
    content TEXT NOT NULL
);

CREATE TABLE config_version (
    kind TEXT NOT NULL CONSTRAINT config_version_kind CHECK (kind IN ('rules', 'org')),
    version BIGINT NOT NULL,
    digest TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    PRIMARY KEY (kind, version)
);

CREATE TABLE config_file (
    kind TEXT NOT NULL,
    version BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL REFERENCES config_content (digest),
    PRIMARY KEY (kind, version, ordinal),
    CONSTRAINT config_file_name_once UNIQUE (kind, version, name),
    FOREIGN KEY (kind, version) REFERENCES config_version (kind, version)
);

-- The only commit point. Numbers have no gaps, so two writers with one parent meet at the primary key as well.
CREATE TABLE snapshot (
    id BIGINT NOT NULL PRIMARY KEY,
    parent BIGINT CONSTRAINT snapshot_parent_once UNIQUE REFERENCES snapshot (id),
    digest TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    cause TEXT NOT NULL,
    actor TEXT NOT NULL,
    rules_version BIGINT,
    org_version BIGINT,
    table_versions TEXT NOT NULL,
    CONSTRAINT snapshot_follows_parent CHECK ((parent IS NULL AND id = 1) OR (parent IS NOT NULL AND id = parent + 1))
);

CREATE TABLE delivery (
    number BIGINT NOT NULL PRIMARY KEY,
    id TEXT,
    outcome TEXT NOT NULL CONSTRAINT delivery_outcome CHECK (outcome IN ('accepted', 'unchanged', 'refused')),
    source TEXT,
    format TEXT,
    path TEXT NOT NULL,
    parts_key TEXT,
    billing_periods TEXT NOT NULL,
    reason TEXT,
    rows BIGINT NOT NULL,
    skipped BIGINT NOT NULL,
    quarantined BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    snapshot BIGINT REFERENCES snapshot (id),
    body TEXT,
    CONSTRAINT delivery_accepted_is_published CHECK ((outcome = 'accepted') = (snapshot IS NOT NULL)),
    CONSTRAINT delivery_accepted_is_known
        CHECK (outcome <> 'accepted' OR (id IS NOT NULL AND source IS NOT NULL AND format IS NOT NULL AND body IS NOT NULL))
);
CREATE INDEX delivery_by_id ON delivery (id);
CREATE INDEX delivery_by_parts ON delivery (parts_key);

CREATE TABLE scope (
    delivery BIGINT NOT NULL REFERENCES delivery (number),
    ordinal BIGINT NOT NULL,
    delivery_id TEXT NOT NULL,
    source TEXT NOT NULL,
    billing_period TEXT NOT NULL,
    nominal TEXT NOT NULL,
    appends BIGINT NOT NULL CONSTRAINT scope_appends CHECK (appends IN (0, 1)),
    rows BIGINT NOT NULL,
    digest TEXT NOT NULL,
    facts TEXT NOT NULL,
    from_snapshot BIGINT NOT NULL REFERENCES snapshot (id),
    until_snapshot BIGINT REFERENCES snapshot (id),
    PRIMARY KEY (delivery, ordinal),
    CONSTRAINT scope_once_per_delivery UNIQUE (delivery, source, billing_period),
    CONSTRAINT scope_ends_later CHECK (until_snapshot IS NULL OR until_snapshot > from_snapshot)
);
CREATE UNIQUE INDEX scope_delivery_current_once ON scope (source, billing_period, delivery_id)
    WHERE until_snapshot IS NULL;
CREATE UNIQUE INDEX scope_overwriting_current_once ON scope (source, billing_period, nominal)
    WHERE until_snapshot IS NULL AND appends = 0;

CREATE TABLE source_account (
    source TEXT NOT NULL,
    format TEXT NOT NULL,
    account_digest TEXT NOT NULL,
    account TEXT NOT NULL,
    PRIMARY KEY (source, format, account_digest)
);

CREATE TABLE file (
    path TEXT NOT NULL,
    added_in BIGINT NOT NULL REFERENCES snapshot (id),
    removed_in BIGINT REFERENCES snapshot (id),
    lake_table TEXT NOT NULL,
    source TEXT NOT NULL,
    billing_period TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    digest TEXT NOT NULL,
    rows BIGINT NOT NULL,
    sums TEXT NOT NULL,
    columns TEXT NOT NULL,
    fine BIGINT NOT NULL CONSTRAINT file_fine CHECK (fine IN (0, 1)),
    PRIMARY KEY (path, added_in),
    CONSTRAINT file_ends_later CHECK (removed_in IS NULL OR removed_in > added_in)
);
CREATE UNIQUE INDEX file_live_once ON file (path) WHERE removed_in IS NULL;
CREATE INDEX file_live_by_scope ON file (source, billing_period, delivery_id) WHERE removed_in IS NULL;

CREATE TABLE proof (
    from_snapshot BIGINT NOT NULL REFERENCES snapshot (id),
    until_snapshot BIGINT REFERENCES snapshot (id),
    source TEXT NOT NULL,
    billing_period TEXT NOT NULL,
    currency TEXT NOT NULL,
    cost TEXT NOT NULL,
    rows BIGINT NOT NULL,
    accepted TEXT NOT NULL,
    attributed TEXT NOT NULL,
    difference TEXT NOT NULL CONSTRAINT proof_holds CHECK (difference = '0'),
    owners TEXT NOT NULL,
    PRIMARY KEY (source, billing_period, currency, cost, from_snapshot)
);

CREATE TABLE owner_total (
    from_snapshot BIGINT NOT NULL REFERENCES snapshot (id),
    until_snapshot BIGINT REFERENCES snapshot (id),
    source TEXT NOT NULL,
    billing_period TEXT NOT NULL,
    owner TEXT NOT NULL,
    rule TEXT,
    currency TEXT NOT NULL,
    billed TEXT NOT NULL,
    effective TEXT NOT NULL,
    list TEXT NOT NULL,
    contracted TEXT NOT NULL,
    rows BIGINT NOT NULL
);
CREATE INDEX owner_total_by_scope ON owner_total (source, billing_period, from_snapshot);

CREATE TABLE quarantine (
    delivery BIGINT NOT NULL REFERENCES delivery (number),
    ordinal BIGINT NOT NULL,
    part BIGINT NOT NULL,
    part_row BIGINT NOT NULL,
    body TEXT NOT NULL,
    replayed_at BIGINT,
    replayed_into TEXT,
    PRIMARY KEY (delivery, ordinal),
    CONSTRAINT quarantine_replayed CHECK ((replayed_at IS NULL) = (replayed_into IS NULL))
);

CREATE TABLE audit (
    sequence BIGINT NOT NULL PRIMARY KEY,
    recorded_at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    snapshot BIGINT REFERENCES snapshot (id),
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    digest TEXT NOT NULL
);
CREATE INDEX audit_by_snapshot ON audit (snapshot);
