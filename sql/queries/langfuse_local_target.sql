-- The number of a project of a Langfuse server, a new one where it has none.
INSERT INTO targets (base_url, project_id) VALUES (:base_url, :project_id)
ON CONFLICT (base_url, project_id) DO UPDATE SET base_url = excluded.base_url
RETURNING target
