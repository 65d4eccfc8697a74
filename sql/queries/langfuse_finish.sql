-- Says that each request of these segments has a row.
INSERT INTO langfuse_segments (target, segment)
SELECT %(target)s, name FROM unnest(%(names)s::text[]) AS name
ON CONFLICT DO NOTHING
