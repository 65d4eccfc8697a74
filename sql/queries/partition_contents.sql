-- How many records a partition holds, and how many bytes it takes with its indexes.
SELECT count(*), pg_total_relation_size(%s::regclass) FROM {name}
