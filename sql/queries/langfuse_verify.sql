-- What Langfuse took of a time is proved to be there.
UPDATE langfuse_spans SET state = 'verified', changed_at = now()
WHERE target = %(target)s AND state = 'accepted' AND started_ms >= %(since_ms)s AND started_ms < %(until_ms)s
