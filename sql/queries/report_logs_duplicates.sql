-- How many records have the identity of another one; a colliding hash only makes us look closer.
SELECT count(*) - count(DISTINCT hash(created_at, request_id)) FROM records
