-- Gives the lock of a dead process back.
SELECT pg_advisory_unlock(hashtext('relay langfuse'), %(other)s)
