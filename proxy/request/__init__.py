"""The client's request: key, call, routing, circuit breaker and policy. Must not send anything."""
