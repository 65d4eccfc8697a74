-- The segments that have rejects, in order.
SELECT DISTINCT segment FROM etl_rejects ORDER BY segment
