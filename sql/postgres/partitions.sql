-- name: create_partition
-- A month of usage_records, made beside it and then attached, which no running load has to wait for.
CREATE TABLE {name} (LIKE usage_records INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
ALTER TABLE usage_records ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end})

-- name: drop_partition
-- Takes a month out of usage_records for good.
ALTER TABLE usage_records DETACH PARTITION {name};
DROP TABLE {name}

-- name: list_partitions
-- The names of the partitions of usage_records.
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'usage_records'::regclass

-- name: lock_partitions
-- Waits until no other process makes a partition; held until the end of the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('relay partitions', 0))

-- name: lock_usage_records
-- Keeps everybody out of usage_records until the end of the transaction; soon gives up on a long query.
SET LOCAL lock_timeout = '5s';
LOCK TABLE ONLY usage_records IN ACCESS EXCLUSIVE MODE

-- name: partition_contents
-- How many records a partition holds, and how many bytes it takes with its indexes.
SELECT count(*), pg_total_relation_size(%s::regclass) FROM {name}

-- name: partition_exists
-- One row when the table of this name is a partition of usage_records.
SELECT FROM pg_inherits WHERE inhparent = 'usage_records'::regclass AND inhrelid = to_regclass(%s)

-- name: pruned_before
-- The horizon before which records may be pruned.
SELECT pruned_before FROM etl_state

-- name: set_pruned_before
-- Moves the horizon before which records may be pruned; never back.
UPDATE etl_state SET pruned_before = GREATEST(pruned_before, %s::timestamptz)
