-- CloudTrail Insights, event configurations and aggregated events. insights and event_configuration are JSON of trail's making;
-- a span has those of its time.
ALTER TABLE trails ADD COLUMN insights TEXT;
ALTER TABLE trails ADD COLUMN event_configuration TEXT;
ALTER TABLE trail_spans ADD COLUMN insights TEXT;
ALTER TABLE trail_spans ADD COLUMN event_configuration TEXT;
ALTER TABLE event_data_stores ADD COLUMN insights TEXT;
ALTER TABLE event_data_stores ADD COLUMN event_configuration TEXT;
-- Whoever follows audit events and derives others from them: events below next_sequence are looked at, state is what else it knows.
CREATE TABLE event_followers (
    name TEXT PRIMARY KEY,
    next_sequence BIGINT NOT NULL,
    state TEXT NOT NULL
);
-- What Insights has learned of each subject.
CREATE TABLE insight_subjects (
    subject TEXT PRIMARY KEY,
    learned TEXT NOT NULL
);
-- Events that a follower derived and that are not known to be stored.
CREATE TABLE derived_events (
    number BIGINT PRIMARY KEY,
    follower TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    record TEXT NOT NULL
);
-- How the delivery of results went, as the API has it.
ALTER TABLE lake_queries ADD COLUMN delivery_status TEXT;
