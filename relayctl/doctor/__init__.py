"""Checks an installation and gives advice. Must not change anything."""
