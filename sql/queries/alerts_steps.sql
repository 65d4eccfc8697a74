-- The moments at which a rule is evaluated: $count of them, $step_us microseconds apart, the last of them $at.
CREATE OR REPLACE TEMP TABLE step AS
SELECT $at::TIMESTAMP - to_microseconds($step_us::BIGINT * number) AS at FROM range($count::BIGINT) AS steps(number)
