-- Who is asked for a waiver is an event of it.
ALTER TABLE waiver_event RENAME TO waiver_event_before;
DROP INDEX waiver_granted_once;

-- Shown: the digest of what who grants it had before them.
CREATE TABLE waiver_event (
    waiver BIGINT NOT NULL REFERENCES waiver (number),
    ordinal BIGINT NOT NULL,
    event TEXT NOT NULL CONSTRAINT waiver_event_known
        CHECK (event IN ('asked', 'escalated', 'granted', 'refused', 'withdrawn', 'expired', 'exceeded', 'ended')),
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    note TEXT,
    shown TEXT,
    plan BIGINT REFERENCES plan (number),
    CONSTRAINT waiver_event_ordinal PRIMARY KEY (waiver, ordinal),
    CONSTRAINT waiver_event_grants_what_was_shown CHECK ((event = 'granted') = (shown IS NOT NULL))
);
INSERT INTO waiver_event (waiver, ordinal, event, at, actor, note, shown, plan)
    SELECT waiver, ordinal, event, at, actor, note, shown, plan FROM waiver_event_before;
DROP TABLE waiver_event_before;
CREATE UNIQUE INDEX waiver_granted_once ON waiver_event (waiver) WHERE event = 'granted';
