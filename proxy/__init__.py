"""The gateway: forwards requests to providers, meters each, writes usage to segments. Knows no database."""
