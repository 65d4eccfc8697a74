"""The HTTP/1 client for providers: connections, pool, parser. Must not know models, tokens or prices."""
