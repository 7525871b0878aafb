-- What mute rules were, and when: a replay of an alarm mutes it as it was muted then. `until_ms` is absent of what stands.
CREATE TABLE mute_rule_versions (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    from_ms BIGINT NOT NULL,
    until_ms BIGINT,
    document TEXT NOT NULL,
    PRIMARY KEY (account, region, name, from_ms)
);
CREATE INDEX mute_rule_versions_by_end ON mute_rule_versions (until_ms);
CREATE TABLE mute_version_targets (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    rule TEXT NOT NULL,
    from_ms BIGINT NOT NULL,
    alarm TEXT NOT NULL,
    PRIMARY KEY (account, region, alarm, rule, from_ms)
);
INSERT INTO mute_rule_versions (account, region, name, from_ms, document)
    SELECT account, region, name, updated_ms, document FROM mute_rules;
INSERT INTO mute_version_targets (account, region, rule, from_ms, alarm)
    SELECT t.account, t.region, t.rule, r.updated_ms, t.alarm FROM mute_targets t JOIN mute_rules r
    ON r.account = t.account AND r.region = t.region AND r.name = t.rule;
