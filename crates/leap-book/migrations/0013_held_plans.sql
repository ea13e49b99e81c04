-- A plan of the loop that is over its caps is an approval like others.
ALTER TABLE approval RENAME TO approval_before;

CREATE TABLE approval (
    number BIGINT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CONSTRAINT approval_kind CHECK (kind IN ('reorg', 'restatement', 'plan')),
    subject TEXT NOT NULL,
    content TEXT NOT NULL,
    digest TEXT NOT NULL,
    reason TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    asked_by TEXT NOT NULL,
    outcome TEXT CONSTRAINT approval_outcome CHECK (outcome IN ('given', 'declined', 'withdrawn')),
    answered_at BIGINT,
    answered_by TEXT,
    note TEXT,
    CONSTRAINT approval_answer_is_whole
        CHECK ((outcome IS NULL) = (answered_at IS NULL) AND (outcome IS NULL) = (answered_by IS NULL))
);
INSERT INTO approval (number, kind, subject, content, digest, reason, asked_at, asked_by, outcome, answered_at, answered_by, note)
    SELECT number, kind, subject, content, digest, reason, asked_at, asked_by, outcome, answered_at, answered_by, note
    FROM approval_before;
DROP TABLE approval_before;
