-- The ledger row after some of a segment's rejects were accepted; what the archive has of it is no longer all.
UPDATE etl_segments SET
    first_seq = %(first_seq)s,
    last_seq = %(last_seq)s,
    missing_lines = %(missing_lines)s,
    previous = %(previous)s,
    intents = %(intents)s,
    recovered = %(recovered)s,
    seal_problem = %(seal_problem)s,
    lines = lines - %(others)s,
    loaded = loaded + %(loaded)s,
    duplicate = duplicate + %(duplicate)s,
    rejected = rejected - %(loaded)s - %(duplicate)s - %(others)s,
    retried = retried + %(loaded)s + %(duplicate)s + %(others)s,
    first_hour = LEAST(first_hour, %(first_hour)s),
    last_hour = GREATEST(last_hour, %(last_hour)s),
    archived_at = CASE WHEN %(loaded)s = 0 THEN archived_at END,
    archive = CASE WHEN %(loaded)s = 0 THEN archive END
WHERE name = %(name)s
