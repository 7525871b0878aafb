-- Exports of log groups to buckets: those that wait or run, and what became of those of the last days.
CREATE TABLE export_tasks (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT,
    group_id BIGINT NOT NULL,
    group_name TEXT NOT NULL,
    stream_prefix TEXT,
    from_ms BIGINT NOT NULL,
    to_ms BIGINT NOT NULL,
    bucket TEXT NOT NULL,
    prefix TEXT NOT NULL,
    status TEXT NOT NULL,
    message TEXT,
    created_ms BIGINT NOT NULL,
    ended_ms BIGINT
);
CREATE INDEX export_tasks_by_time ON export_tasks (account, region, created_ms, id);
CREATE INDEX export_tasks_by_status ON export_tasks (status);
