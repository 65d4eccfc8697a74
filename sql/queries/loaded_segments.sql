-- Which of these segments are loaded.
SELECT name FROM etl_segments WHERE name = ANY(%s)
