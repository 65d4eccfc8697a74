-- Takes lines out of the staging table.
DELETE FROM loading_records WHERE line_number = ANY(%s)
