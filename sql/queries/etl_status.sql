-- Sums over the ledger, and the one row of state.
SELECT s.as_of, s.refreshed_at,
       (SELECT count(*) FROM etl_unrefreshed) AS unrefreshed,
       (SELECT count(*) FROM etl_rejects) AS rejects,
       l.segments, l.last_loaded_at, l.lines, l.loaded, l.duplicate, l.rejected
FROM etl_state s
CROSS JOIN (
    SELECT count(*) AS segments, max(loaded_at) AS last_loaded_at,
           COALESCE(sum(lines), 0)::bigint AS lines, COALESCE(sum(loaded), 0)::bigint AS loaded,
           COALESCE(sum(duplicate), 0)::bigint AS duplicate, COALESCE(sum(rejected), 0)::bigint AS rejected
    FROM etl_segments
) l
