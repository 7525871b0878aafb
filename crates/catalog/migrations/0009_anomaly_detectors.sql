-- Anomaly detectors. `metric` says what one is trained on, in a form that is equal for equal metrics; `document` is all that
-- the client put, as JSON.
CREATE TABLE anomaly_detectors (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    metric TEXT NOT NULL,
    id TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (account, region, metric)
);
CREATE UNIQUE INDEX anomaly_detectors_by_id ON anomaly_detectors (account, region, id);
