"""The list of models: configured names, aliases, and what upstreams list. Must not know records."""
