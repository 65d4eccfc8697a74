-- The sums of the volumes $days by hour; those of one hour may stand in several rows.
SELECT * FROM hours WHERE list_contains($days, day)
