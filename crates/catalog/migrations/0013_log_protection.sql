-- Data protection policies of log groups. One that was replaced or deleted stays with the time it was in force, because an
-- event is masked as the policy of its time says. Times are milliseconds since the epoch.
CREATE TABLE data_protection_policies (
    group_id BIGINT NOT NULL REFERENCES log_groups (id) ON DELETE CASCADE,
    from_ms BIGINT NOT NULL,
    -- NULL while the policy is in force.
    until_ms BIGINT,
    -- The policy as the client wrote it.
    document TEXT NOT NULL,
    PRIMARY KEY (group_id, from_ms)
);
-- Transformers of log groups.
CREATE TABLE log_transformers (
    group_id BIGINT PRIMARY KEY REFERENCES log_groups (id) ON DELETE CASCADE,
    -- The list of processors, as JSON.
    document TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    modified_ms BIGINT NOT NULL
);
