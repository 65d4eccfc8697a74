-- One row when the table of this name is a partition of usage_records.
SELECT FROM pg_inherits WHERE inhparent = 'usage_records'::regclass AND inhrelid = to_regclass(%s)
