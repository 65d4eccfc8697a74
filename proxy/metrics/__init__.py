"""The Prometheus metrics of all worker processes together. No label may name a user, team or key."""
