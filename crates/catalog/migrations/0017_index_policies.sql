-- Field index policies of log groups. One that was replaced or deleted stays for a while, because its fields stay indexed.
-- Times are milliseconds since the epoch.
CREATE TABLE index_policies (
    group_id BIGINT NOT NULL REFERENCES log_groups (id) ON DELETE CASCADE,
    from_ms BIGINT NOT NULL,
    -- NULL while the policy is in force.
    until_ms BIGINT,
    -- The policy as the client wrote it.
    document TEXT NOT NULL,
    PRIMARY KEY (group_id, from_ms)
);

-- Since when there is an account policy of this name; it may have been put again since.
ALTER TABLE account_policies ADD COLUMN created_ms BIGINT NOT NULL DEFAULT 0;
UPDATE account_policies SET created_ms = updated_ms;

-- Account policies that were replaced or deleted, of the types whose effect outlives them: what a data protection policy masked
-- stays masked, and what an index policy indexed stays indexed for a while.
CREATE TABLE past_account_policies (
    id BIGINT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    type TEXT NOT NULL,
    document TEXT NOT NULL,
    selection_criteria TEXT,
    from_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL
);
CREATE INDEX past_account_policies_by_type ON past_account_policies (account, region, type, until_ms);

-- The KMS key that an owner associated with the results of queries.
CREATE TABLE query_result_keys (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    kms_key_id TEXT NOT NULL,
    since_ms BIGINT NOT NULL,
    PRIMARY KEY (account, region)
);
