-- The scheduled query that is managed for the log alarm that asked, or `backtest`; absent for queries of clients.
ALTER TABLE log_queries ADD COLUMN asked_for TEXT;
