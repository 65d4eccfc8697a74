-- A number for this process, locked until its connection ends: so others know whether it lives.
WITH mine AS (INSERT INTO langfuse_owners DEFAULT VALUES RETURNING owner)
SELECT owner, pg_advisory_lock(hashtext('relay langfuse'), owner) FROM mine
