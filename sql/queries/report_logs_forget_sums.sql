-- They are of another question, or hold a record twice, and are made again.
TRUNCATE sums
