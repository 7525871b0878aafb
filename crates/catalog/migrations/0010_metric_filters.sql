-- Metric filters of log groups; they go with their group. `id` comes from `sequences`: a filter that is put again gets a
-- new one, so that what is remembered of the old one does not hold for it. Times are milliseconds since the epoch.
CREATE TABLE metric_filters (
    group_id BIGINT NOT NULL REFERENCES log_groups (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    id BIGINT NOT NULL,
    pattern TEXT NOT NULL,
    has_regex BIGINT NOT NULL,
    metric_namespace TEXT NOT NULL,
    metric_name TEXT NOT NULL,
    -- All else that PutMetricFilter said, as one JSON document.
    configuration TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    -- When it was switched off because it made too many metrics.
    disabled_ms BIGINT,
    PRIMARY KEY (group_id, name)
);
CREATE INDEX metric_filters_by_name ON metric_filters (name);
CREATE INDEX metric_filters_by_metric ON metric_filters (metric_namespace, metric_name);
-- 0 while a group has no metric filters; a number of the same sequence that rises with every change of them.
ALTER TABLE log_groups ADD COLUMN metric_filters_version BIGINT NOT NULL DEFAULT 0;
