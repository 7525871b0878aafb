-- Trails and channels of CloudTrail. A trail is keyed by its home region; its shadows in other regions are derived, never stored.
CREATE TABLE trails (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    s3_bucket TEXT NOT NULL,
    s3_key_prefix TEXT,
    sns_topic TEXT,
    global_events BIGINT NOT NULL,
    multi_region BIGINT NOT NULL,
    file_validation BIGINT NOT NULL,
    logs_group_arn TEXT,
    logs_role_arn TEXT,
    kms_key_id TEXT,
    organization BIGINT NOT NULL,
    recursive_logging BIGINT,
    selectors TEXT,
    logging BIGINT NOT NULL,
    logging_started_at BIGINT,
    logging_stopped_at BIGINT,
    created_at BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (account, region, name)
);
CREATE TABLE channels (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    destinations TEXT NOT NULL,
    ingestion TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account, region, id),
    UNIQUE (account, region, name)
);
