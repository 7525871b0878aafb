-- Audit events that nobody may take away, by account and time.
CREATE TABLE legal_holds (
    name TEXT PRIMARY KEY,
    -- NULL for all accounts.
    account TEXT,
    -- Times of events, from (inclusive) and up to (exclusive); NULL for no end.
    from_ms BIGINT,
    to_ms BIGINT,
    reason TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    -- ARN of who made it.
    created_by TEXT NOT NULL,
    -- When it ends; NULL until somebody released it.
    release_ms BIGINT
);
