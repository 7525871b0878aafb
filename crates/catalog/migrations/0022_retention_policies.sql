-- What an account policy said before it was put again, for policies that take effect a day later.
ALTER TABLE account_policies ADD COLUMN previous_document TEXT;
ALTER TABLE account_policies ADD COLUMN previous_criteria TEXT;

-- The account's retention policy that a log group is under, and its days; without days events are kept forever. `kept_days` is
-- what is in force: the policy's days, else the group's own.
ALTER TABLE log_groups ADD COLUMN retention_policy TEXT;
ALTER TABLE log_groups ADD COLUMN retention_policy_days BIGINT;
ALTER TABLE log_groups ADD COLUMN kept_days BIGINT GENERATED ALWAYS AS
    (CASE WHEN retention_policy IS NULL THEN retention_days ELSE retention_policy_days END) VIRTUAL;
