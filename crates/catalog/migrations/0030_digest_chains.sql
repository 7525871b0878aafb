-- Chains of digest files: one for each account and region that a trail has events of, from where validation began. next_ms is where the next digest begins.
-- last and last_backfill say what the next digest links to; planned is a digest that is signed and not delivered yet. All three
-- are JSON. A chain that has ended goes once its last digest is delivered.
CREATE TABLE digest_chains (
    id BIGINT PRIMARY KEY,
    trail_id BIGINT NOT NULL,
    account TEXT NOT NULL,
    home_region TEXT NOT NULL,
    name TEXT NOT NULL,
    organization BIGINT NOT NULL,
    events_account TEXT NOT NULL,
    region TEXT NOT NULL,
    bucket TEXT NOT NULL,
    prefix TEXT,
    started_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    next_ms BIGINT NOT NULL,
    last TEXT,
    last_backfill TEXT,
    planned TEXT
);
CREATE INDEX digest_chains_by_trail ON digest_chains (trail_id, events_account, region);
-- Whether a digest lists the file.
ALTER TABLE trail_files ADD COLUMN digested BIGINT NOT NULL DEFAULT 0;
CREATE INDEX trail_files_undigested ON trail_files (trail_id, delivered_ms) WHERE digested = 0;
