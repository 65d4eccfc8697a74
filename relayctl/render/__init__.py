"""Rows as a table, JSON, CSV or Markdown. Computes nothing."""
