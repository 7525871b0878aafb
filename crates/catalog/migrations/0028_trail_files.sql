-- What trails deliver to buckets. A trail has an id that is never given again, so that one made anew under an old name inherits
-- nothing.
ALTER TABLE trails ADD COLUMN id BIGINT NOT NULL DEFAULT 0;
UPDATE trails SET id = (
    SELECT COUNT(*) FROM trails AS other WHERE other.account < trails.account
        OR (other.account = trails.account AND (other.region < trails.region
            OR (other.region = trails.region AND other.name <= trails.name)))
);
INSERT INTO sequences (name, next_value) SELECT 'trails', COUNT(*) FROM trails;
-- Which events a trail wants: those with sequences from the span's beginning up to its end, by the settings of that time. Those
-- below next_sequence are in files, planned or delivered, or were not wanted.
CREATE TABLE trail_spans (
    id BIGINT PRIMARY KEY,
    trail_id BIGINT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    global_events BIGINT NOT NULL,
    multi_region BIGINT NOT NULL,
    organization BIGINT NOT NULL,
    selectors TEXT,
    bucket TEXT NOT NULL,
    prefix TEXT,
    topic TEXT,
    next_sequence BIGINT NOT NULL,
    end_sequence BIGINT
);
CREATE INDEX trail_spans_by_trail ON trail_spans (trail_id, id);
-- Files of trails: planned until delivered_ms says when they were put. topic is who is still to be told of a delivered one.
CREATE TABLE trail_files (
    id BIGINT PRIMARY KEY,
    trail_id BIGINT NOT NULL,
    trail_arn TEXT NOT NULL,
    span_id BIGINT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    bucket TEXT NOT NULL,
    object_key TEXT NOT NULL,
    first_sequence BIGINT NOT NULL,
    end_sequence BIGINT NOT NULL,
    events BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    oldest_ms BIGINT NOT NULL,
    newest_ms BIGINT NOT NULL,
    planned_ms BIGINT NOT NULL,
    delivered_ms BIGINT,
    topic TEXT
);
CREATE INDEX trail_files_planned ON trail_files (trail_id, id) WHERE delivered_ms IS NULL;
CREATE INDEX trail_files_to_tell ON trail_files (trail_id, id) WHERE topic IS NOT NULL;
CREATE INDEX trail_files_by_time ON trail_files (delivered_ms);
CREATE INDEX trail_files_delivered ON trail_files (trail_id, region, delivered_ms);
-- How the deliveries of a trail have fared. attempt, success and error are of log files and of notifications; those of digests
-- have no attempt.
CREATE TABLE trail_status (
    trail_id BIGINT PRIMARY KEY,
    delivery_attempt_ms BIGINT,
    delivery_ms BIGINT,
    delivery_error TEXT,
    notification_attempt_ms BIGINT,
    notification_ms BIGINT,
    notification_error TEXT,
    digest_ms BIGINT,
    digest_error TEXT
);
