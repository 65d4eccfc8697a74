-- What a volume held so far goes into the one that takes its place.
INSERT INTO hours SELECT * FROM read_parquet($file) WHERE day = $day
