-- Buckets that the server keeps itself, below its data directory; their objects are files there.
CREATE TABLE buckets (
    name TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);
CREATE INDEX buckets_by_account ON buckets (account, name);
