-- The numbers of the pieces that hold a record which they, or another of them, hold too; a colliding hash only makes us
-- look closer.
SELECT DISTINCT number
FROM ids
WHERE id IN (SELECT id FROM ids GROUP BY id HAVING count(*) > 1)
