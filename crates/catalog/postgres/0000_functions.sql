-- What PostgreSQL needs before the tables of ../migrations. This file is a migration as well: it is never changed, and what comes
-- later gets the next number.

-- Functions that SQLite has and that statements of the catalog use; PostgreSQL has them for other types or by other names.
CREATE FUNCTION max(BIGINT, BIGINT) RETURNS BIGINT LANGUAGE sql IMMUTABLE AS
    'SELECT CASE WHEN $1 IS NULL OR $2 IS NULL THEN NULL ELSE GREATEST($1, $2) END';
CREATE FUNCTION min(BIGINT, BIGINT) RETURNS BIGINT LANGUAGE sql IMMUTABLE AS
    'SELECT CASE WHEN $1 IS NULL OR $2 IS NULL THEN NULL ELSE LEAST($1, $2) END';
CREATE FUNCTION substr(TEXT, BIGINT, BIGINT) RETURNS TEXT LANGUAGE sql IMMUTABLE AS
    'SELECT substr($1, LEAST($2, 2147483647)::INTEGER, LEAST($3, 2147483647 - LEAST($2, 2147483647))::INTEGER)';
-- Paths are '$.a.b'.
CREATE FUNCTION json_extract(TEXT, TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE AS
    'SELECT $1::jsonb #>> string_to_array(substr($2, 3), ''.'')';

-- Who writes calls this first. Writers come one after another, as on SQLite, until their transaction ends; each catalog (schema)
-- has a lock of its own. A token other than 0 must be the one of the lease 'server': whoever was superseded writes nothing more.
CREATE FUNCTION catalog_writes(shown BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('trailwatch catalog ' || current_schema(), 0));
    IF shown <> 0 AND NOT EXISTS (SELECT 1 FROM leases WHERE name = 'server' AND token = shown) THEN
        RAISE EXCEPTION 'another server has taken the lease of this catalog' USING ERRCODE = 'TW001';
    END IF;
END
$$;
