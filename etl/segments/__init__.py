"""Reads sealed segments: lines, blocks of lines, integrity and rejects. Knows no database."""
