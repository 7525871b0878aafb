-- How far live detections have looked at audit events: those below next_sequence are done.
CREATE TABLE detection_position (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    next_sequence BIGINT NOT NULL
);
