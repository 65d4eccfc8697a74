-- Plans to send again what Langfuse took long enough ago and does not have.
UPDATE langfuse_spans SET state = 'planned', changed_at = now()
WHERE target = %(target)s AND request_id = ANY (%(ids)s) AND state IN ('accepted', 'verified')
  AND changed_at <= now() - make_interval(secs => %(quiet)s)
