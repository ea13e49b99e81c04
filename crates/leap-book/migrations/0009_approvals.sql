-- Ninth form: what one person asks for and another one approves: a reorg, or a restatement.
--
-- What is asked for is kept to the byte; only the answer is added later.

CREATE TABLE approval (
    number BIGINT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CONSTRAINT approval_kind CHECK (kind IN ('reorg', 'restatement')),
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
