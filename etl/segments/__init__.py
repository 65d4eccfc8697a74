"""Reads sealed segments: lines, blocks of lines, and what is rejected. Knows no database."""
