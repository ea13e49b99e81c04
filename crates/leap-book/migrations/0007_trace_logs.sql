-- Seventh form: where the logs of the lake's tables of latency ended at each change of traces, so that the next one adds to them
-- without reading them; and which replaced files are there no more, so that nobody looks for them.

ALTER TABLE trace_change ADD COLUMN table_versions TEXT;
CREATE INDEX trace_change_at ON trace_change (recorded_at);

-- When a file that was replaced ceased to be kept.
ALTER TABLE trace_file ADD COLUMN gone_at BIGINT;
CREATE INDEX trace_file_replaced ON trace_file (removed_in) WHERE removed_in IS NOT NULL AND gone_at IS NULL;
