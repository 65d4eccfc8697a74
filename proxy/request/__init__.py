"""What a client asks for: its key, its call, the upstream, the policy. Knows nothing of answers."""
