"""Replaces personal data in prompts by placeholders, restores it in answers. Must not store or log it."""
