-- Keeps the identities, as hashes, of what was just read of the pieces $pieces, whose numbers among all are $numbers.
INSERT INTO ids
SELECT number, id
FROM fresh JOIN (SELECT unnest($pieces) AS piece, unnest($numbers) AS number) AS numbered USING (piece)
