-- name: create_partition
-- Creates a partition as a separate table and attaches it, without blocking running loads.
CREATE TABLE {name} (LIKE usage_records INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
ALTER TABLE usage_records ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end})

-- name: drop_partition
-- Drops a partition of usage_records.
ALTER TABLE usage_records DETACH PARTITION {name};
DROP TABLE {name}

-- name: list_partitions
-- The names of the partitions of usage_records.
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'usage_records'::regclass

-- name: lock_partitions
-- Waits until no other process creates a partition; held until the end of the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('relay partitions', 0))

-- name: lock_usage_records
-- Locks usage_records exclusively until the end of the transaction; fails after 5 s behind a long query.
SET LOCAL lock_timeout = '5s';
LOCK TABLE ONLY usage_records IN ACCESS EXCLUSIVE MODE

-- name: partition_contents
-- Number of records of a partition, and its size in bytes with indexes.
SELECT count(*), pg_total_relation_size(%s::regclass) FROM {name}

-- name: partition_exists
-- One row if the table is a partition of usage_records.
SELECT FROM pg_inherits WHERE inhparent = 'usage_records'::regclass AND inhrelid = to_regclass(%s)

-- name: pruned_before
-- The time before which records may be pruned.
SELECT pruned_before FROM etl_state

-- name: set_pruned_before
-- Moves the time before which records may be pruned forward, never back.
UPDATE etl_state SET pruned_before = GREATEST(pruned_before, %s::timestamptz)
