"""PostgreSQL: connections, migrations, partitions, pruning and named statements. Knows no segment file."""
