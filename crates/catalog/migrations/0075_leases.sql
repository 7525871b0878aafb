-- Who may do what one server alone may do, and until when. The token rises each time a lease goes to somebody, and stays when it
-- ends: whoever shows an old one was superseded. Times are milliseconds since the epoch.
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    token BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);
