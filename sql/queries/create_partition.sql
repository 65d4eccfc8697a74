-- A month of usage_records, made beside it and then attached, which no running load has to wait for.
CREATE TABLE {name} (LIKE usage_records INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
ALTER TABLE usage_records ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end})
