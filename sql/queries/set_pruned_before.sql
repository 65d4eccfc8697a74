-- Moves the horizon before which records may be pruned; never back.
UPDATE etl_state SET pruned_before = GREATEST(pruned_before, %s::timestamptz)
