"""The stored columns of a record, and a record as a row. Knows no segment file and no database."""
