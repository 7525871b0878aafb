-- What a node of a cluster does, such as 'ingest,query,tasks'.
ALTER TABLE nodes ADD COLUMN roles TEXT NOT NULL DEFAULT '';
