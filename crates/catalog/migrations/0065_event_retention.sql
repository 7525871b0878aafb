-- How long audit events are kept: one row, or none while they are kept for ever.
CREATE TABLE event_retention (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    -- In force; NULL for ever.
    days BIGINT,
    -- A shorter one that is accepted, and when it is in force.
    pending_days BIGINT,
    pending_at_ms BIGINT
);

-- What an event data store keeps for a while after it was told to keep less: JSON.
ALTER TABLE event_data_stores ADD COLUMN longer TEXT;
