-- What a prompt can complete: the views and their columns.
SELECT table_name, column_name FROM duckdb_columns() WHERE table_name IN ('usage_records', 'usage_daily')
