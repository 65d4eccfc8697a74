"""The rollups `usage_hourly` and `usage_daily`, and their verification. Knows no segment file."""
