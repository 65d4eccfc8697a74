-- Moves as_of forward; a moment that lies in the future came from a wrong clock and does not count.
UPDATE etl_state
SET as_of = GREATEST(LEAST(%s::timestamptz, now()), CASE WHEN as_of <= now() THEN as_of END)
