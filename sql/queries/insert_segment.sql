-- The ledger row of a segment, in the transaction that loads it.
INSERT INTO etl_segments (
    name, writer, number, sha256, previous, first_seq, last_seq, missing_lines,
    lines, loaded, duplicate, rejected, intents, recovered, seal_problem, first_hour, last_hour
) VALUES (
    %(name)s, %(writer)s, %(number)s, %(sha256)s, %(previous)s, %(first_seq)s, %(last_seq)s, %(missing_lines)s,
    %(lines)s, %(loaded)s, %(duplicate)s, %(rejected)s, %(intents)s, %(recovered)s, %(seal_problem)s,
    %(first_hour)s, %(last_hour)s
)
