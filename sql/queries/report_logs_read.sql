-- Reads segments into records. Every field comes as its JSON text, so that nothing is cast silently, and is_sound
-- says that each is of its type, within its limits, and read exactly. It may be false for a good line (its file is
-- then read again, strictly), but never true for a bad one. A line that is no JSON, or names one of these fields
-- twice, is an error. For the fields that no report needs, the seal vouches. Sound records outside the period are
-- left out.
INSERT INTO records
WITH line AS NOT MATERIALIZED (
    SELECT *, file_index
    FROM read_json($files, format = 'newline_delimited', columns = {
        event: 'JSON', seq: 'JSON', request_id: 'JSON', created_at: 'JSON', user_id: 'JSON', team_id: 'JSON',
        model: 'JSON', status: 'JSON', prompt_tokens: 'JSON', completion_tokens: 'JSON', total_tokens: 'JSON',
        usage_source: 'JSON', cost_usd: 'JSON', latency_ms: 'JSON', cache_hit: 'JSON', error: 'JSON'})
),
read AS NOT MATERIALIZED (
    SELECT $places[file_index::BIGINT + 1] AS file,
           coalesce(
               event::VARCHAR = '"request"' AND is_whole(seq) AND as_whole(seq) BETWEEN 1 AND 9007199254740992
               AND is_text(request_id, 128) AND strlen(request_id) > 2
               AND regexp_full_match(created_at::VARCHAR,
                   '"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z"')
               AND NOT starts_with(created_at, '"0000') AND as_time(created_at) IS NOT NULL
               AND is_text(user_id, 512) AND is_text(team_id, 512) AND is_text(model, 512)
               AND is_text(usage_source, 512)
               AND is_whole(status) AND as_whole(status) BETWEEN 100 AND 599
               AND is_whole(prompt_tokens) AND as_whole(prompt_tokens) BETWEEN 0 AND 9007199254740992
               AND is_whole(completion_tokens) AND as_whole(completion_tokens) BETWEEN 0 AND 9007199254740992
               AND is_whole(total_tokens) AND as_whole(total_tokens) <= 9007199254740992
               AND as_whole(prompt_tokens) + as_whole(completion_tokens) = as_whole(total_tokens)
               AND (cost_usd IS NULL
                    OR regexp_full_match(cost_usd::VARCHAR, '"[0-9]{1,12}(\.[0-9]{1,12})?"'))
               -- JSON numbers pass through a double: of so few digits it loses none.
               AND regexp_full_match(latency_ms::VARCHAR, '[0-9]{1,9}(\.[0-9]{1,6})?')
               AND cache_hit::VARCHAR IN ('true', 'false'),
               false) AS is_sound,
           as_time(created_at), as_text(request_id), as_text(user_id), as_text(team_id), as_text(model),
           as_whole(status) >= 400 OR error IS NOT NULL, as_whole(prompt_tokens), as_whole(completion_tokens), as_whole(total_tokens),
           usage_source::VARCHAR = '"estimated"', as_number(cost_usd), as_duration(latency_ms),
           cache_hit::VARCHAR = 'true'
    FROM line
    WHERE coalesce(event::VARCHAR, '') NOT IN ('"open"', '"intent"', '"seal"')
)
SELECT *, NULL
FROM read AS record(file, is_sound, created_at)
WHERE NOT is_sound OR (created_at >= $since AND created_at < $until)
