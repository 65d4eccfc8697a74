-- What a load keeps aside; the rows go with the end of each transaction, the table with the connection.
CREATE TEMPORARY TABLE IF NOT EXISTS loading_records (
    LIKE usage_records,
    line_number bigint NOT NULL,
    byte_offset bigint NOT NULL,
    is_new      boolean NOT NULL DEFAULT false
) ON COMMIT DELETE ROWS
