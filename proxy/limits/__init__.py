"""Rate limits and quotas: reserved before a request is sent, settled by its record. Must not know answers."""
