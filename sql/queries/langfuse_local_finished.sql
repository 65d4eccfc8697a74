-- Those of the segments that need not be read again: all of their requests are dealt with.
SELECT s.segment FROM segments s
WHERE s.target = :target AND s.segment IN (SELECT value FROM json_each(:names))
  AND NOT EXISTS (SELECT 1 FROM spans p
                  WHERE p.target = s.target AND p.segment = s.segment AND p.state = 'planned')
