"""Runs the service: proxy and admin API, workers, sockets, live export. Must not write to stdout."""
