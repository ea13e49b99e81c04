-- Eighth form: what was counted of each sender's histogram, so that a telling that comes again counts nothing.

CREATE TABLE metric_series (
    id TEXT NOT NULL PRIMARY KEY,
    -- When its last telling was recorded.
    seen_at BIGINT NOT NULL,
    state TEXT NOT NULL
);
CREATE INDEX metric_series_seen ON metric_series (seen_at);
