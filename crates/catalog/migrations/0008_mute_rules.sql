-- Alarm mute rules: `document` is what the client put, as JSON.
CREATE TABLE mute_rules (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (account, region, name)
);
CREATE TABLE mute_targets (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    rule TEXT NOT NULL,
    alarm TEXT NOT NULL,
    PRIMARY KEY (account, region, rule, alarm)
);
CREATE INDEX mute_targets_by_alarm ON mute_targets (account, region, alarm);
