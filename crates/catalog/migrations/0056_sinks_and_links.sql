-- Sinks of monitoring accounts and the links of source accounts to them (observability access manager).
CREATE TABLE sinks (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    policy TEXT,
    PRIMARY KEY (account, region)
);

CREATE TABLE links (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    -- A sink with links cannot be deleted.
    sink_id TEXT NOT NULL REFERENCES sinks (id),
    label_template TEXT NOT NULL,
    -- A JSON array.
    resource_types TEXT NOT NULL,
    log_group_filter TEXT,
    metric_filter TEXT,
    PRIMARY KEY (account, region, sink_id)
);
CREATE INDEX links_of_sink ON links (sink_id, account);
