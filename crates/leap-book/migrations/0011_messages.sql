-- Eleventh form: what who sends messages asks of them. Thread: messages of one channel and thread go in their order.
-- Unit and urgency: whose a message is, and whether it may wait. Tells: how many messages a digest says in their stead;
-- 0 for a message of a plan, so that a digest is none of those that its plan's audit event knows. Told_by: the digest
-- that says a message.
--
-- Messages of before are threads of their own, of no unit, and urgent.

ALTER TABLE outbox ADD COLUMN thread TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN unit TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN urgency TEXT NOT NULL DEFAULT 'alert'
    CONSTRAINT outbox_urgency CHECK (urgency IN ('alert', 'nudge'));
ALTER TABLE outbox ADD COLUMN tells BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN told_by BIGINT REFERENCES outbox (number);
UPDATE outbox SET thread = dedup_key;

CREATE INDEX outbox_order ON outbox (channel, thread, number) WHERE state = 'waiting';
CREATE INDEX outbox_nudges ON outbox (channel, unit) WHERE urgency = 'nudge';
CREATE INDEX outbox_told ON outbox (told_by) WHERE told_by IS NOT NULL;
