"""The running service: proxy and admin API, workers, sockets, live export. Knows no terminal output."""
