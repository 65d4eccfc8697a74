-- What is missing or contradicts itself, in a stable order.
SELECT kind, writer, segment, missing, since, detail
FROM etl_gaps
ORDER BY kind, segment, since, detail
LIMIT %s
