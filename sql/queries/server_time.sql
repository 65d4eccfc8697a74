-- The server's clock at this moment.
SELECT clock_timestamp();
