"""A record as a row of `usage_records`. Knows no segment file and no connection."""
