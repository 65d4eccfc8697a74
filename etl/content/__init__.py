"""Reads and prunes content segments. Knows no usage segment."""
