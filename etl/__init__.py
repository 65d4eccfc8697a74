"""Moves sealed segments into PostgreSQL, an archive and Langfuse. Knows only the segments of the proxy."""
