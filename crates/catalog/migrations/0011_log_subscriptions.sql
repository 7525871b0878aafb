-- Subscription filters, logical destinations, account policies and resource policies of CloudWatch Logs. Times are milliseconds
-- since the epoch. Ids of filters and of policies come from one sequence and are never reused.
CREATE TABLE subscription_filters (
    id BIGINT PRIMARY KEY,
    group_id BIGINT NOT NULL REFERENCES log_groups (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    -- What PutSubscriptionFilter said, as one JSON document.
    definition TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    -- Log events of lower sequences have been delivered; and when that was noted.
    position BIGINT NOT NULL,
    position_ms BIGINT NOT NULL,
    UNIQUE (group_id, name)
);

CREATE TABLE log_destinations (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    target_arn TEXT NOT NULL,
    role_arn TEXT NOT NULL,
    access_policy TEXT,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (account, region, name)
);

CREATE TABLE account_policies (
    id BIGINT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    -- SUBSCRIPTION_FILTER_POLICY and its like.
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    selection_criteria TEXT,
    updated_ms BIGINT NOT NULL,
    -- As of a subscription filter; of no meaning for other types.
    position BIGINT NOT NULL,
    position_ms BIGINT NOT NULL,
    UNIQUE (account, region, type, name)
);

CREATE TABLE log_resource_policies (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    -- Empty for a policy of the account.
    resource_arn TEXT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    revision_id TEXT NOT NULL,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (account, region, resource_arn, name)
);
