-- Those of the segments that need not be read again: all of their requests are dealt with.
SELECT s.segment FROM langfuse_segments s
WHERE s.target = %(target)s AND s.segment = ANY (%(names)s)
  AND NOT EXISTS (SELECT FROM langfuse_spans p
                  WHERE p.target = s.target AND p.segment = s.segment AND p.state = 'planned')
