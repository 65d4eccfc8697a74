"""One request from arrival to record: handler, forwarding, delivery. Knows no database and no admin API."""
