-- Alarms on more than one metric. `memory` is what evaluation keeps with an alarm from one time to the next, as JSON.
ALTER TABLE alarms ADD COLUMN memory TEXT;
-- metric or composite.
ALTER TABLE alarms ADD COLUMN kind TEXT NOT NULL DEFAULT 'metric';

-- Which alarms a composite alarm's rule or suppressor names: a change of theirs makes the composite due.
CREATE TABLE alarm_children (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    parent TEXT NOT NULL,
    child TEXT NOT NULL,
    PRIMARY KEY (account, region, parent, child)
);
CREATE INDEX alarm_children_by_child ON alarm_children (account, region, child);

-- The kind of the alarm that an item is about.
ALTER TABLE alarm_history ADD COLUMN kind TEXT NOT NULL DEFAULT 'metric';
