-- Takes a month out of usage_records for good.
ALTER TABLE usage_records DETACH PARTITION {name};
DROP TABLE {name}
