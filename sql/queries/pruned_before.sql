-- The horizon before which records may be pruned.
SELECT pruned_before FROM etl_state
