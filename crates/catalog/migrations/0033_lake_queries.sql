-- Queries of CloudTrail Lake of the last days. Results are JSON lists of rows of text, a chunk for so many rows.
CREATE TABLE lake_queries (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    store_ids TEXT NOT NULL,
    statement TEXT NOT NULL,
    delivery_uri TEXT,
    status TEXT NOT NULL,
    error TEXT,
    created_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    run_ms BIGINT NOT NULL,
    events_matched BIGINT NOT NULL,
    events_scanned BIGINT NOT NULL,
    bytes_scanned BIGINT NOT NULL,
    columns TEXT NOT NULL,
    result_rows BIGINT NOT NULL,
    result_bytes BIGINT NOT NULL
);
CREATE INDEX lake_queries_by_time ON lake_queries (account, region, created_ms, id);
CREATE TABLE lake_results (
    query_id TEXT NOT NULL,
    chunk BIGINT NOT NULL,
    result_rows TEXT NOT NULL,
    PRIMARY KEY (query_id, chunk)
);
