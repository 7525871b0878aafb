-- RSA keys that digest files are signed with, one after the other for each account and region. public_key is base64 of the DER of
-- RSAPublicKey. sealed is the private key, encrypted with a key that is not in this database, in base64; only the last key of an
-- account and region has it.
CREATE TABLE digest_keys (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    public_key TEXT NOT NULL,
    sealed TEXT,
    valid_from_ms BIGINT NOT NULL,
    valid_to_ms BIGINT NOT NULL,
    PRIMARY KEY (account, region, fingerprint)
);
CREATE INDEX digest_keys_by_time ON digest_keys (account, region, valid_from_ms, fingerprint);
