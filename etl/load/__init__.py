"""Loads segments into PostgreSQL: one transaction and one ledger row each. Knows no archive."""
