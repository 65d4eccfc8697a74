-- The files with a line that DuckDB is not certain about.
SELECT DISTINCT file FROM records WHERE NOT is_sound
