-- Log anomaly detectors and what they found. Times are milliseconds since the epoch.
CREATE TABLE log_anomaly_detectors (
    -- A UUID, the end of its ARN; never reused.
    id TEXT PRIMARY KEY,
    group_id BIGINT NOT NULL REFERENCES log_groups (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    frequency TEXT NOT NULL,
    filter_pattern TEXT,
    kms_key_id TEXT,
    visibility_days BIGINT NOT NULL,
    status TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    modified_ms BIGINT NOT NULL,
    -- Log events of lower sequences have been looked at.
    position BIGINT NOT NULL,
    -- Events that were received before it have been looked at: the end of the last window.
    evaluated_ms BIGINT NOT NULL,
    -- What was learned, as `query` writes it; empty at first.
    model TEXT NOT NULL
);
CREATE INDEX log_anomaly_detectors_by_group ON log_anomaly_detectors (group_id);

CREATE TABLE log_anomalies (
    -- A UUID.
    id TEXT PRIMARY KEY,
    detector_id TEXT NOT NULL REFERENCES log_anomaly_detectors (id) ON DELETE CASCADE,
    pattern_id TEXT NOT NULL,
    -- NEW_PATTERN and its like.
    kind TEXT NOT NULL,
    priority TEXT NOT NULL,
    first_seen_ms BIGINT NOT NULL,
    last_seen_ms BIGINT NOT NULL,
    -- What else is shown, as JSON of `watch`'s making.
    document TEXT NOT NULL,
    -- 1: it is normal, and not reported again.
    baseline BIGINT NOT NULL,
    -- When it was suppressed, if it is, and until when: the greatest number is for ever.
    suppressed_ms BIGINT,
    suppressed_until_ms BIGINT,
    -- 1: with every anomaly of the pattern.
    pattern_suppressed BIGINT NOT NULL,
    UNIQUE (detector_id, pattern_id, kind)
);
