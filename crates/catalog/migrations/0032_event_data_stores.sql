-- Event data stores of CloudTrail Lake. settings is JSON of the row's kind; ingestion is JSON: the times from and up to which events
-- are taken in. A store that is to be deleted is kept until delete_at.
CREATE TABLE event_data_stores (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    settings TEXT NOT NULL,
    ingestion TEXT NOT NULL,
    status TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    delete_ms BIGINT,
    revision BIGINT NOT NULL,
    PRIMARY KEY (account, region, id),
    UNIQUE (account, region, name)
);
-- Policies of event data stores and channels, by ARN.
CREATE TABLE cloudtrail_resource_policies (
    resource_arn TEXT PRIMARY KEY,
    document TEXT NOT NULL
);
