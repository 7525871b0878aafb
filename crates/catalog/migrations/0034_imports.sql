-- Imports of trail files into event data stores. position is the key of the last file that is done, so that one that was stopped goes
-- on where it was.
CREATE TABLE cloudtrail_imports (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    store_id TEXT NOT NULL,
    uri TEXT NOT NULL,
    bucket_region TEXT NOT NULL,
    role_arn TEXT NOT NULL,
    start_ms BIGINT,
    end_ms BIGINT,
    status TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    position TEXT NOT NULL,
    files_completed BIGINT NOT NULL,
    events_completed BIGINT NOT NULL,
    failed_entries BIGINT NOT NULL
);
CREATE INDEX cloudtrail_imports_by_time ON cloudtrail_imports (account, region, created_ms, id);
CREATE TABLE cloudtrail_import_failures (
    import_id TEXT NOT NULL,
    location TEXT NOT NULL,
    error_type TEXT NOT NULL,
    error_message TEXT NOT NULL,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (import_id, location)
);
-- JSON: times of events, from and up to, that imports have added to a store.
ALTER TABLE event_data_stores ADD COLUMN imported TEXT NOT NULL DEFAULT '[]';
