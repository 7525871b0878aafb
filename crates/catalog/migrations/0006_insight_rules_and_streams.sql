-- Contributor Insights rules, saved metric queries, metric streams, and whether metrics are enriched for OpenTelemetry.
-- Times are milliseconds since the epoch; documents are JSON text.
CREATE TABLE insight_rules (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    -- The rule as the client wrote it.
    definition TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    -- When it was last enabled or disabled: a rule sees nothing that is later than its end.
    switched_ms BIGINT NOT NULL,
    on_transformed_logs BIGINT NOT NULL,
    PRIMARY KEY (account, region, name)
);

CREATE TABLE metric_queries (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    id TEXT NOT NULL,
    path TEXT NOT NULL,
    expression TEXT NOT NULL,
    type TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (account, region, id),
    UNIQUE (account, region, path)
);

CREATE TABLE metric_streams (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    -- What PutMetricStream said, as one JSON document.
    configuration TEXT NOT NULL,
    running BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    -- Periods that begin before this time have been delivered.
    position_ms BIGINT NOT NULL,
    PRIMARY KEY (account, region, name)
);

-- A row is there while enrichment runs.
CREATE TABLE otel_enrichment (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    -- Its filters, as one JSON document.
    filters TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (account, region)
);
