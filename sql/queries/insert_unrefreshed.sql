-- Says that usage_daily does not show this load yet.
INSERT INTO etl_unrefreshed DEFAULT VALUES
