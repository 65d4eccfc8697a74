"""Exports every request to Langfuse once, by a ledger, and verifies it. Never in the path of a request."""
