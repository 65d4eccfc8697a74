"""Reads and prunes segments of captured content. Knows no usage segment."""
