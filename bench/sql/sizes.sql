-- Bytes of each table with its indexes, the partitions of usage_records as one.
SELECT coalesce(inhparent::regclass::text, pg_class.oid::regclass::text) AS relation,
       sum(pg_total_relation_size(pg_class.oid))::bigint AS bytes
FROM pg_class LEFT JOIN pg_inherits ON inhrelid = pg_class.oid
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'm')
GROUP BY 1
