"""Renders rows as a table, JSON, CSV or Markdown. Must not compute measures."""
