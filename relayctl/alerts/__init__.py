"""Evaluates alert rules and budgets once, from Prometheus or the logs. Must not print anything."""
