-- Takes the lock of a process, which only succeeds when it is dead.
SELECT pg_try_advisory_lock(hashtext('relay langfuse'), %(other)s)
