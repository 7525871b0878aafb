-- The contributor that a line of history is about: its id and its attributes as JSON; absent when it is about the whole alarm.
ALTER TABLE alarm_history ADD COLUMN contributor_id TEXT;
ALTER TABLE alarm_history ADD COLUMN contributor_attributes TEXT;
CREATE INDEX alarm_history_by_contributor ON alarm_history (account, region, alarm_name, contributor_id, at_ms, sequence);
