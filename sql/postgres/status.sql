-- name: etl_status
-- Sums over the ledger, the number of missing lines, and the row of etl_state.
SELECT s.as_of, s.refreshed_at,
       (SELECT count(*) FROM etl_unrefreshed) AS unrefreshed,
       (SELECT count(*) FROM etl_rejects) AS rejects,
       l.segments, l.last_loaded_at, l.lines, l.loaded, l.duplicate, l.rejected, l.retried, l.missing_lines
FROM etl_state s
CROSS JOIN (
    SELECT count(*) AS segments, max(loaded_at) AS last_loaded_at,
           COALESCE(sum(lines), 0)::bigint AS lines, COALESCE(sum(loaded), 0)::bigint AS loaded,
           COALESCE(sum(duplicate), 0)::bigint AS duplicate, COALESCE(sum(rejected), 0)::bigint AS rejected,
           COALESCE(sum(retried), 0)::bigint AS retried,
           COALESCE(sum(missing_lines + GREATEST(first_seq - seq_before - 1, 0)), 0)::bigint AS missing_lines
    FROM (
        SELECT *, COALESCE(max(last_seq) OVER (
            PARTITION BY writer ORDER BY number, name ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0) AS seq_before
        FROM etl_segments
    ) AS chain
) l

-- name: gaps
-- Missing segments and lines, unended intents and seal mismatches, in a stable order.
SELECT kind, writer, segment, missing, since, detail
FROM etl_gaps
ORDER BY kind, segment, since, detail
LIMIT %s
