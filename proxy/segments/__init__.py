"""Segments of JSON lines and the records in them: their form, their files, their writer. Knows no HTTP."""
