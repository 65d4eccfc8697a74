-- Says that usage_daily does not show this load yet, and which days changed.
INSERT INTO etl_unrefreshed (days) VALUES (%s::date[])
