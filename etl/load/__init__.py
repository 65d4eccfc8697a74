"""Loads segments into PostgreSQL: one transaction and one ledger row per segment. Knows no archive."""
