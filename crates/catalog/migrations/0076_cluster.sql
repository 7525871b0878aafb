-- Where other nodes of a cluster reach whoever has a lease; empty for a server that is no node of one.
ALTER TABLE leases ADD COLUMN address TEXT NOT NULL DEFAULT '';

-- Nodes of a cluster, each of which says now and then that it is there. `id` is the holder of its leases. Times are milliseconds
-- since the epoch, by the database's clock.
CREATE TABLE nodes (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    version TEXT NOT NULL,
    seen_ms BIGINT NOT NULL
);

-- The digest of the keys that every node of the cluster must have: one row, `all`.
CREATE TABLE cluster_keys (
    name TEXT PRIMARY KEY,
    digest TEXT NOT NULL
);
