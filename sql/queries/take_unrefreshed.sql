-- Takes the marks of the loads that the refresh in this transaction will show.
DELETE FROM etl_unrefreshed
