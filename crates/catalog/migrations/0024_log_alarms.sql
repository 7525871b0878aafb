-- Log alarms: an alarm on the results of a scheduled query that is managed for it.
-- The name of the alarm that a scheduled query is managed for; absent for those of customers.
ALTER TABLE scheduled_queries ADD COLUMN alarm TEXT;
-- What a run found, as JSON; only for runs of managed queries, and only for the newest of them.
ALTER TABLE scheduled_query_runs ADD COLUMN result TEXT;
CREATE INDEX scheduled_queries_by_id ON scheduled_queries (account, region, id);
-- Each kind of alarm is looked for by a task of its own.
CREATE INDEX alarms_by_kind_and_due ON alarms (kind, due_ms);
