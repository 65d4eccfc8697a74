-- Up to when every sealed segment is loaded.
SELECT as_of FROM etl_state
