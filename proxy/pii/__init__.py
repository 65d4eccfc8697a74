"""Replaces personal data in prompts by placeholders and restores it in answers. Knows no upstream."""
