-- Fourth form: deliveries of traces, the lake's files of requests, and what traces say of services.
--
-- Apart from the snapshots of money: traces come every minute and change no charge. A change is one commit; a file is live
-- from the change that added it until the one that replaced it.

CREATE TABLE trace_change (
    id BIGINT NOT NULL PRIMARY KEY,
    recorded_at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    cause TEXT NOT NULL
);

CREATE TABLE trace_delivery (
    id TEXT NOT NULL PRIMARY KEY,
    added_in BIGINT NOT NULL REFERENCES trace_change (id),
    path TEXT NOT NULL,
    format TEXT NOT NULL,
    digest TEXT NOT NULL CONSTRAINT trace_delivery_once UNIQUE,
    counts TEXT NOT NULL
);

CREATE TABLE trace_file (
    path TEXT NOT NULL,
    added_in BIGINT NOT NULL REFERENCES trace_change (id),
    removed_in BIGINT REFERENCES trace_change (id),
    first_ns BIGINT NOT NULL,
    last_ns BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (path, added_in),
    CONSTRAINT trace_file_removed_later CHECK (removed_in IS NULL OR removed_in > added_in),
    CONSTRAINT trace_file_in_order CHECK (first_ns <= last_ns)
);
CREATE INDEX trace_file_live ON trace_file (first_ns) WHERE removed_in IS NULL;

-- What the resources of a service said in one delivery: one row for each combination, and when its spans were.
CREATE TABLE trace_service (
    delivery TEXT NOT NULL REFERENCES trace_delivery (id),
    ordinal BIGINT NOT NULL,
    service TEXT NOT NULL,
    namespace TEXT NOT NULL,
    version TEXT NOT NULL,
    environment TEXT NOT NULL,
    team TEXT NOT NULL,
    first_ns BIGINT NOT NULL,
    last_ns BIGINT NOT NULL,
    spans BIGINT NOT NULL,
    PRIMARY KEY (delivery, ordinal)
);
