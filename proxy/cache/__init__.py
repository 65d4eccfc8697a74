"""The cache of answers in memory or Redis, and single flight of equal requests. Knows no connection."""
