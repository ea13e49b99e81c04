-- Tenth form: what was decided and done. Plans with their receipts, incidents, waivers, messages that wait to be sent,
-- frozen forecasts, schedules, the kill switch; budgets and contracts, two more kinds of what snapshots pin; and the
-- end of the audit trail, noted apart from it.
--
-- Rows are added and never changed, but for three tables that say how things stand now: outbox (what its state, lease
-- and next attempt are), schedule, and incident.unresolved, which follows from the incident's events.

ALTER TABLE snapshot ADD COLUMN budgets_version BIGINT;
ALTER TABLE snapshot ADD COLUMN contracts_version BIGINT;

-- Where the trail began and where it ends. It is written with each event, so rows that are cut off the end are missed.
CREATE TABLE audit_head (
    id BIGINT NOT NULL PRIMARY KEY CONSTRAINT audit_head_one CHECK (id = 1),
    book TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    digest TEXT NOT NULL
);
INSERT INTO audit_head (id, book, sequence, digest)
    SELECT 1, (SELECT digest FROM audit ORDER BY sequence LIMIT 1), sequence, digest
    FROM audit ORDER BY sequence DESC LIMIT 1;

CREATE TABLE kill_switch (
    number BIGINT NOT NULL PRIMARY KEY,
    event TEXT NOT NULL CONSTRAINT kill_switch_event CHECK (event IN ('stop', 'release')),
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL
);

-- A home that has traces and no bills acts without a snapshot.
CREATE TABLE plan (
    number BIGINT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL CONSTRAINT plan_performed_once UNIQUE,
    snapshot BIGINT REFERENCES snapshot (id),
    made_at BIGINT NOT NULL,
    made_by TEXT NOT NULL,
    performed_at BIGINT NOT NULL,
    performed_by TEXT NOT NULL,
    cause TEXT NOT NULL,
    content TEXT NOT NULL,
    CONSTRAINT plan_made_first CHECK (made_at <= performed_at)
);

-- One idempotency key is done once, over all time and all plans.
CREATE TABLE receipt (
    plan BIGINT NOT NULL REFERENCES plan (number),
    step BIGINT NOT NULL,
    idempotency_key TEXT NOT NULL CONSTRAINT receipt_key_once UNIQUE,
    done_at BIGINT NOT NULL,
    note TEXT,
    PRIMARY KEY (plan, step)
);

-- About: the key of the clause or budget. Opened_at: in event time, as far as it was known when it was opened.
CREATE TABLE incident (
    number BIGINT NOT NULL PRIMARY KEY,
    about TEXT NOT NULL,
    unit TEXT NOT NULL,
    subject TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    unresolved BIGINT NOT NULL CONSTRAINT incident_unresolved CHECK (unresolved IN (0, 1))
);
CREATE UNIQUE INDEX incident_unresolved_once ON incident (about) WHERE unresolved = 1;
CREATE INDEX incident_about ON incident (about, number);

CREATE TABLE incident_event (
    incident BIGINT NOT NULL REFERENCES incident (number),
    ordinal BIGINT NOT NULL,
    event TEXT NOT NULL CONSTRAINT incident_event_known
        CHECK (event IN ('opened', 'annotated', 'acknowledged', 'resolved', 'reopened', 'corrected')),
    happened_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    words TEXT NOT NULL,
    facts TEXT NOT NULL,
    plan BIGINT REFERENCES plan (number),
    PRIMARY KEY (incident, ordinal),
    CONSTRAINT incident_event_opens_first CHECK ((event = 'opened') = (ordinal = 0))
);

CREATE TABLE waiver (
    number BIGINT NOT NULL PRIMARY KEY,
    unit TEXT NOT NULL,
    period TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount TEXT NOT NULL,
    reason TEXT NOT NULL,
    expires_on TEXT NOT NULL,
    content TEXT NOT NULL,
    digest TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    asked_by TEXT NOT NULL,
    plan BIGINT REFERENCES plan (number)
);

-- Shown: the digest of what who grants it had before them.
CREATE TABLE waiver_event (
    waiver BIGINT NOT NULL REFERENCES waiver (number),
    ordinal BIGINT NOT NULL,
    event TEXT NOT NULL CONSTRAINT waiver_event_known
        CHECK (event IN ('escalated', 'granted', 'refused', 'withdrawn', 'expired', 'exceeded', 'ended')),
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    note TEXT,
    shown TEXT,
    plan BIGINT REFERENCES plan (number),
    PRIMARY KEY (waiver, ordinal),
    CONSTRAINT waiver_event_grants_what_was_shown CHECK ((event = 'granted') = (shown IS NOT NULL))
);
CREATE UNIQUE INDEX waiver_granted_once ON waiver_event (waiver) WHERE event = 'granted';

-- What a channel has to be told. Tries: attempts since it began to wait, but for those that were held back.
CREATE TABLE outbox (
    number BIGINT NOT NULL PRIMARY KEY,
    dedup_key TEXT NOT NULL,
    channel TEXT NOT NULL,
    message TEXT NOT NULL,
    digest TEXT NOT NULL,
    plan BIGINT NOT NULL REFERENCES plan (number),
    created_at BIGINT NOT NULL,
    state TEXT NOT NULL CONSTRAINT outbox_state CHECK (state IN ('waiting', 'sent', 'dead', 'cancelled')),
    waiting_since BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    lease_holder TEXT,
    lease_until BIGINT,
    last_answer TEXT,
    CONSTRAINT outbox_once UNIQUE (dedup_key, channel),
    CONSTRAINT outbox_lease_is_whole CHECK ((lease_holder IS NULL) = (lease_until IS NULL)),
    CONSTRAINT outbox_lease_waits CHECK (lease_holder IS NULL OR state = 'waiting')
);
CREATE INDEX outbox_due ON outbox (next_at, number) WHERE state = 'waiting';
CREATE INDEX outbox_of_plan ON outbox (plan);

-- An attempt without an outcome was not ended: it runs, or its process ended.
CREATE TABLE outbox_attempt (
    message BIGINT NOT NULL REFERENCES outbox (number),
    ordinal BIGINT NOT NULL,
    holder TEXT NOT NULL,
    claimed_at BIGINT NOT NULL,
    ended_at BIGINT,
    outcome TEXT CONSTRAINT outbox_attempt_outcome CHECK (outcome IN ('sent', 'again', 'held', 'dead')),
    answer TEXT,
    PRIMARY KEY (message, ordinal),
    CONSTRAINT outbox_attempt_ends_whole CHECK ((ended_at IS NULL) = (outcome IS NULL))
);

-- Made_of: the digest of what it was made of, so that the same forecast is frozen once.
CREATE TABLE forecast (
    number BIGINT NOT NULL PRIMARY KEY,
    series TEXT NOT NULL,
    currency TEXT NOT NULL,
    origin TEXT NOT NULL,
    horizon_days BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    made_of TEXT NOT NULL,
    content TEXT NOT NULL,
    digest TEXT NOT NULL,
    plan BIGINT NOT NULL REFERENCES plan (number),
    CONSTRAINT forecast_once UNIQUE (series, currency, origin, horizon_days, made_of)
);
CREATE INDEX forecast_of_plan ON forecast (plan);

-- Recorded_in: the event of the audit trail that tells of it and of all that were scored with it.
CREATE TABLE forecast_score (
    forecast BIGINT NOT NULL REFERENCES forecast (number),
    ordinal BIGINT NOT NULL,
    scored_at BIGINT NOT NULL,
    snapshot BIGINT REFERENCES snapshot (id),
    content TEXT NOT NULL,
    recorded_in BIGINT NOT NULL REFERENCES audit (sequence),
    PRIMARY KEY (forecast, ordinal)
);
CREATE INDEX forecast_score_recorded ON forecast_score (recorded_in);

CREATE TABLE schedule (
    name TEXT NOT NULL PRIMARY KEY,
    last_due BIGINT,
    last_run BIGINT,
    outcome TEXT,
    lease_holder TEXT,
    lease_until BIGINT,
    CONSTRAINT schedule_run_is_whole
        CHECK ((last_due IS NULL) = (last_run IS NULL) AND (last_due IS NULL) = (outcome IS NULL)),
    CONSTRAINT schedule_lease_is_whole CHECK ((lease_holder IS NULL) = (lease_until IS NULL))
);
