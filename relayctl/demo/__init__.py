"""The demo: stand-in provider, traffic, embedded PostgreSQL. Nothing else imports it but its commands."""
