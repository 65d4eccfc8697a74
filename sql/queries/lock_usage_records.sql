-- Keeps everybody out of usage_records until the end of the transaction; soon gives up on a long query.
SET LOCAL lock_timeout = '5s';
LOCK TABLE ONLY usage_records IN ACCESS EXCLUSIVE MODE
