"""Rate limits and quotas: reserved before a request is sent, settled by its record. Knows no HTTP."""
