-- How often an import was started: what an earlier start still writes is not taken. The times of the events that it has read, which are
-- what its store gets. How many files failed is counted where they are.
ALTER TABLE cloudtrail_imports ADD COLUMN starts BIGINT NOT NULL DEFAULT 1;
ALTER TABLE cloudtrail_imports ADD COLUMN first_event_ms BIGINT;
ALTER TABLE cloudtrail_imports ADD COLUMN last_event_ms BIGINT;
ALTER TABLE cloudtrail_imports DROP COLUMN failed_entries;
