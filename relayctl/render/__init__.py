"""Showing rows: as a table for people, as JSON, NDJSON, CSV or Markdown for everything else."""
