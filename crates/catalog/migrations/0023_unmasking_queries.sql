-- Whether a query shows what data protection masks. Of older ones the text tells: a word too many only keeps an answer closed.
ALTER TABLE log_queries ADD COLUMN unmasks BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE log_queries SET unmasks = TRUE WHERE lower(expression) LIKE '%unmask%';
