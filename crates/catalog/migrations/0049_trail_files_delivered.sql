-- Digests find what they list by trail_files_undigested; nothing asks by this one.
DROP INDEX trail_files_delivered;
