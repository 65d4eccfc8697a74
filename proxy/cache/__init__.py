"""The answer cache in memory or Redis, and single flight of equal requests. Must not know connections."""
