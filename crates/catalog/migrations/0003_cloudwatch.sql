-- Alarms, their history and dashboards. Times are milliseconds since the epoch; documents are JSON text.
CREATE TABLE alarms (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    -- Counts every change of the row: the compare-and-set that lets two evaluators race safely.
    version BIGINT NOT NULL,
    -- What PutMetricAlarm said, as one JSON document.
    configuration TEXT NOT NULL,
    -- Copied out of the configuration for DescribeAlarmsForMetric.
    namespace TEXT NOT NULL,
    metric_name TEXT NOT NULL,
    actions_enabled BIGINT NOT NULL,
    configuration_updated_ms BIGINT NOT NULL,
    state_value TEXT NOT NULL,
    state_reason TEXT NOT NULL,
    state_reason_data TEXT,
    state_updated_ms BIGINT NOT NULL,
    state_transitioned_ms BIGINT NOT NULL,
    -- How often the alarm is evaluated, and when it is next.
    interval_ms BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    PRIMARY KEY (account, region, name)
);
CREATE INDEX alarms_by_metric ON alarms (account, region, namespace, metric_name);
CREATE INDEX alarms_by_due ON alarms (due_ms);

-- Outlives the alarms it is about.
CREATE TABLE alarm_history (
    sequence BIGINT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    alarm_name TEXT NOT NULL,
    item_type TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    summary TEXT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX alarm_history_by_time ON alarm_history (account, region, at_ms, sequence);
CREATE INDEX alarm_history_by_alarm ON alarm_history (account, region, alarm_name, at_ms, sequence);

-- Dashboards are global: no region.
CREATE TABLE dashboards (
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    modified_ms BIGINT NOT NULL,
    PRIMARY KEY (account, name)
);
