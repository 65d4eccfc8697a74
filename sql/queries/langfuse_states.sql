-- What became of these requests; one that has no row was never sent.
SELECT request_id, state FROM langfuse_spans WHERE target = %(target)s AND request_id = ANY (%(ids)s)
