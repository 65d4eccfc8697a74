-- Forgets intents whose record has come since; those that another process is looking at stay for the next time.
DELETE FROM etl_intents i
USING (
    SELECT n.created_at, n.request_id
    FROM etl_intents n
    WHERE EXISTS (SELECT FROM usage_records r WHERE r.created_at = n.created_at AND r.request_id = n.request_id)
    FOR UPDATE OF n SKIP LOCKED
) ended
WHERE i.created_at = ended.created_at AND i.request_id = ended.request_id
