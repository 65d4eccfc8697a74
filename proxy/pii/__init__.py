"""Replaces personal data in prompts by placeholders and restores it in answers. Must not know upstreams."""
