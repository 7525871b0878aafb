-- Topics, subscriptions and the outbox. Times are milliseconds since the epoch; documents are JSON text.
CREATE TABLE topics (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    -- The attributes that were set, as one JSON object of strings.
    attributes TEXT NOT NULL,
    subscriptions_deleted BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (account, region, name)
);

-- Its ARN is that of the topic, a colon, and the id.
CREATE TABLE subscriptions (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    topic TEXT NOT NULL,
    id TEXT NOT NULL,
    protocol TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    attributes TEXT NOT NULL,
    -- What confirms the subscription, and until when.
    token TEXT NOT NULL,
    token_expires_ms BIGINT NOT NULL,
    confirmed BIGINT NOT NULL,
    confirmed_signed BIGINT NOT NULL,
    unsubscribe_signed BIGINT NOT NULL,
    PRIMARY KEY (account, region, topic, id),
    UNIQUE (account, region, topic, protocol, endpoint),
    FOREIGN KEY (account, region, topic) REFERENCES topics (account, region, name) ON DELETE CASCADE
);
CREATE INDEX subscriptions_by_token_expiry ON subscriptions (confirmed, token_expires_ms);

-- What was published and is not yet delivered to everyone: a message once, a delivery for each receiver.
CREATE TABLE publications (
    sequence BIGINT PRIMARY KEY,
    message TEXT NOT NULL
);
CREATE TABLE deliveries (
    sequence BIGINT PRIMARY KEY,
    publication BIGINT NOT NULL REFERENCES publications (sequence),
    -- The ARN of the subscription or webhook.
    target TEXT NOT NULL,
    -- What must not be asked for too much at once: a host, the mail server.
    lane TEXT NOT NULL,
    -- How and where to deliver.
    address TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    error TEXT
);
CREATE INDEX deliveries_by_lane ON deliveries (lane, due_ms, sequence);
CREATE INDEX deliveries_by_due ON deliveries (due_ms);
CREATE INDEX deliveries_by_publication ON deliveries (publication);

-- Deliveries that were given up.
CREATE TABLE dead_letters (
    sequence BIGINT PRIMARY KEY,
    target TEXT NOT NULL,
    address TEXT NOT NULL,
    message TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    error TEXT NOT NULL,
    at_ms BIGINT NOT NULL
);
CREATE INDEX dead_letters_by_time ON dead_letters (at_ms);
