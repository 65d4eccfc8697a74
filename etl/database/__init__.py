"""PostgreSQL: connections, migrations, partitions, and the statements by name. Knows no segment."""
