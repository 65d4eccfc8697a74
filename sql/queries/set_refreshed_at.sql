-- When usage_daily was last refreshed.
UPDATE etl_state SET refreshed_at = now()
