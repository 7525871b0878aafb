-- Log groups and streams. Ids come from `sequences` and are never reused, so records of a deleted group or stream can
-- never appear in one that is created later under the same name.
CREATE TABLE log_groups (
    id BIGINT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    retention_days BIGINT,
    class TEXT NOT NULL,
    kms_key_id TEXT,
    deletion_protected BIGINT NOT NULL,
    UNIQUE (account, region, name)
);
CREATE TABLE log_streams (
    id BIGINT PRIMARY KEY,
    group_id BIGINT NOT NULL REFERENCES log_groups (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (group_id, name)
);
-- What was deleted and whose bytes may still be stored. stream_id 0 stands for the whole group.
CREATE TABLE deleted_logs (
    group_id BIGINT NOT NULL,
    stream_id BIGINT NOT NULL,
    deleted_at BIGINT NOT NULL,
    PRIMARY KEY (group_id, stream_id)
);
