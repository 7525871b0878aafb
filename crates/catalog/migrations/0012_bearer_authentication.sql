-- Whether events may be sent to a log group with a bearer token instead of a signature.
ALTER TABLE log_groups ADD COLUMN bearer_enabled BIGINT NOT NULL DEFAULT 0;
