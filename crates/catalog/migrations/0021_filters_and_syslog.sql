-- Whether the pattern of a subscription filter has a regular expression: a group has few filters of either kind with one. Those
-- that are there are told by the two percent signs around it.
ALTER TABLE subscription_filters ADD COLUMN has_regex BIGINT NOT NULL DEFAULT 0;
UPDATE subscription_filters SET has_regex = 1 WHERE json_extract(definition, '$.pattern') LIKE '%\%%\%%' ESCAPE '\';

-- Which log groups the syslog messages of an endpoint go to. Times are milliseconds since the epoch.
CREATE TABLE syslog_configurations (
    group_id BIGINT NOT NULL REFERENCES log_groups (id) ON DELETE CASCADE,
    -- Empty for the one that has no id.
    vpc_endpoint TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (group_id, vpc_endpoint)
);
