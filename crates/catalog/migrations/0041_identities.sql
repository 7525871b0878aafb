-- Users, groups, roles, policies and access keys of IAM: one document each. Secrets in them are encrypted with a key that lies
-- outside this file.
CREATE TABLE identities (
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (account, kind, id)
);
