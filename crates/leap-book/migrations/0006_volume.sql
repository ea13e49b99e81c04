-- Sixth form: business volume, one more kind of what snapshots pin.
ALTER TABLE snapshot ADD COLUMN volume_version BIGINT;
