-- The policy of a bucket as it was put; it is shown, and has no effect.
ALTER TABLE buckets ADD COLUMN policy TEXT;
