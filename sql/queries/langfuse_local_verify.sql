-- What Langfuse took of a time is proved to be there.
UPDATE spans SET state = 'verified', changed_at = :now_ms
WHERE target = :target AND state = 'accepted' AND started_ms >= :since_ms AND started_ms < :until_ms
