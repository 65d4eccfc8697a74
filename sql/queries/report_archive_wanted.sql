-- The times of the records of the users who are asked for.
CREATE OR REPLACE TEMP TABLE wanted AS
SELECT DISTINCT created_at FROM records WHERE list_contains($users, user_id)
