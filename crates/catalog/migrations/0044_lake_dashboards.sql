-- Dashboards of CloudTrail Lake. settings is JSON of the row's kind. refresh_at_ms is when the schedule is due next; refresh_id is the
-- last refresh, and refresh_error says why the last one that the schedule started did not begin.
CREATE TABLE lake_dashboards (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    settings TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    refresh_at_ms BIGINT,
    refresh_id BIGINT,
    refresh_error TEXT,
    PRIMARY KEY (account, region, name)
);
CREATE INDEX lake_dashboards_by_refresh ON lake_dashboards (refresh_at_ms);
-- Statements that have a name: those of widgets, and generated ones, which have a prompt and expire.
CREATE TABLE lake_query_aliases (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    alias TEXT NOT NULL,
    dashboard TEXT,
    prompt TEXT,
    statement TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (account, region, alias)
);
-- Queries that were started by an alias; refresh_id is 0 for those that no refresh started.
CREATE TABLE lake_alias_queries (
    query_id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    alias TEXT NOT NULL,
    refresh_id BIGINT NOT NULL,
    created_ms BIGINT NOT NULL
);
CREATE INDEX lake_alias_queries_by_alias ON lake_alias_queries (account, region, alias, created_ms);
