"""The HTTP/1 client for providers: connections, pool, parser. Knows nothing of models, tokens or prices."""
