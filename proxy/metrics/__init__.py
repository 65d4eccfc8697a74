"""The Prometheus metrics of all workers of a process group. No label names a user, team or key."""
