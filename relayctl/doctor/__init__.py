"""Looks at a whole set-up and says what to do."""
