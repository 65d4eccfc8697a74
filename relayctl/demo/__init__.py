"""The demo: stand-in provider, simulated traffic, embedded PostgreSQL. Only its command imports it."""
