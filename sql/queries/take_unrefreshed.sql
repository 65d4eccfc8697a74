-- Takes the marks of the loads that the refresh in this transaction will show; gives their number and days.
WITH taken AS (
    DELETE FROM etl_unrefreshed RETURNING days
)
SELECT (SELECT count(*) FROM taken), ARRAY(SELECT DISTINCT unnest(days) FROM taken)
