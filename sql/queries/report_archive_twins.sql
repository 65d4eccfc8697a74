-- Records of other users that may have the identity of a wanted one: the first of them is the one that counts, so
-- they must be seen before duplicates are forgotten. Only their identity and place matter: no report shows them.
INSERT INTO records (file, created_at, request_id, user_id, line)
SELECT place.file, created_at::TIMESTAMP, request_id, user_id, line
FROM read_parquet($files, hive_partitioning = false)
JOIN (SELECT unnest($segments) AS segment, unnest($places) AS file) AS place USING (segment)
WHERE NOT list_contains($users, user_id)
  AND created_at::TIMESTAMP IN (SELECT created_at FROM wanted)
