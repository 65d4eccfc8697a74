-- Says that each request of these segments has a row.
INSERT INTO segments (target, segment) SELECT :target, value FROM json_each(:names) WHERE true
ON CONFLICT DO NOTHING
