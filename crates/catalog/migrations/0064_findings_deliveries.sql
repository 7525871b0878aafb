-- Where data protection policies send their findings besides log groups, and how far that came. Ids come from the sequence of
-- subscriptions and are never reused.
CREATE TABLE findings_deliveries (
    id BIGINT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    -- NULL for the policy of the account.
    group_id BIGINT REFERENCES log_groups (id) ON DELETE CASCADE,
    -- Of a bucket with a prefix, or of a Firehose stream.
    destination_arn TEXT NOT NULL,
    -- Findings in log events of lower sequences have been delivered; and when that was noted.
    position BIGINT NOT NULL,
    position_ms BIGINT NOT NULL
);
CREATE INDEX findings_deliveries_of ON findings_deliveries (account, region, group_id);
