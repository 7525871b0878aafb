-- Queries of Logs Insights that ran in the last days; `answer` is compressed, as base64, by the plane that wrote it.
CREATE TABLE log_queries (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    expression TEXT NOT NULL,
    language TEXT NOT NULL,
    log_groups TEXT NOT NULL,
    user_identity TEXT NOT NULL,
    status TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    statistics TEXT,
    answer TEXT,
    answer_bytes BIGINT NOT NULL
);
CREATE INDEX log_queries_by_time ON log_queries (account, region, created_ms, id);

CREATE TABLE query_definitions (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    expression TEXT NOT NULL,
    language TEXT NOT NULL,
    log_groups TEXT NOT NULL,
    parameters TEXT NOT NULL,
    modified_ms BIGINT NOT NULL,
    client_token TEXT,
    PRIMARY KEY (account, region, id)
);
CREATE INDEX query_definitions_by_name ON query_definitions (account, region, name, id);

CREATE TABLE lookup_tables (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    kms_key_id TEXT,
    fields TEXT NOT NULL,
    records BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    body TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (account, region, name)
);

-- `document` is what the client put, as JSON.
CREATE TABLE scheduled_queries (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    state TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    next_ms BIGINT,
    triggered_ms BIGINT,
    last_status TEXT,
    PRIMARY KEY (account, region, name)
);
CREATE INDEX scheduled_queries_due ON scheduled_queries (next_ms);

CREATE TABLE scheduled_query_runs (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    scheduled_id TEXT NOT NULL,
    triggered_ms BIGINT NOT NULL,
    query_id TEXT NOT NULL,
    status TEXT NOT NULL,
    error TEXT,
    destinations TEXT NOT NULL,
    PRIMARY KEY (account, region, scheduled_id, triggered_ms)
);
