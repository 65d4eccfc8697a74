"""Where reports read: PostgreSQL, or logs and archive through DuckDB. Knows no output format."""
