-- A request that had begun in a segment and did not end in it.
INSERT INTO etl_intents (created_at, request_id, segment, user_id, team_id, model)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
