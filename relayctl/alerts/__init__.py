"""Alert rules, evaluated once: the file that Prometheus loads, asked of it or answered from the logs."""
