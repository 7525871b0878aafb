-- Settings of AWS resources that CloudWatch and CloudWatch Logs keep, and managed Contributor Insights rules. Times are
-- milliseconds since the epoch.

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

-- Vended logs: what is to be delivered (sources), where to (destinations), and which to which (deliveries).
CREATE TABLE delivery_sources (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    resource_arn TEXT NOT NULL,
    log_type TEXT NOT NULL,
    -- Its configuration, as a JSON object; NULL for none.
    configuration TEXT,
    PRIMARY KEY (account, region, name),
    UNIQUE (account, region, resource_arn, log_type)
);

CREATE TABLE delivery_destinations (
    arn TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    -- S3, CWL, FH or XRAY.
    type TEXT NOT NULL,
    output_format TEXT,
    resource_arn TEXT,
    role_arn TEXT,
    -- Who may deliver, as the client wrote it; NULL until PutDeliveryDestinationPolicy.
    policy TEXT,
    UNIQUE (account, region, name)
);

CREATE TABLE vended_deliveries (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    id TEXT NOT NULL,
    source_name TEXT NOT NULL,
    destination_arn TEXT NOT NULL,
    -- Fields, delimiter and path, as one JSON document.
    configuration TEXT NOT NULL,
    PRIMARY KEY (account, region, id),
    UNIQUE (account, region, source_name, destination_arn)
);
CREATE INDEX vended_deliveries_by_destination ON vended_deliveries (destination_arn);
