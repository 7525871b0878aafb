-- Settings of AWS resources that CloudWatch keeps, and managed Contributor Insights rules. Times are milliseconds since the epoch.

-- Which detailed metrics of a resource are wanted.
CREATE TABLE resource_metrics (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    resource_arn TEXT NOT NULL,
    -- Names of metrics, as a JSON array; NULL for all.
    metrics TEXT,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (account, region, resource_arn)
);

-- The KMS key that an owner associated with the default dataset of an account and region.
CREATE TABLE dataset_keys (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    kms_key_arn TEXT NOT NULL,
    PRIMARY KEY (account, region)
);

-- 1 for rules that PutManagedInsightRules made.
ALTER TABLE insight_rules ADD COLUMN managed BIGINT NOT NULL DEFAULT 0;
