"""Alert rules and budgets, evaluated once from Prometheus or the logs. Knows no terminal."""
