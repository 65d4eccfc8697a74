-- How many of the records added up have the identity of another one; a colliding hash only makes us look closer.
SELECT count(*) - count(DISTINCT id) FROM (SELECT unnest(ids) AS id FROM sums)
