"""Exports each request to Langfuse once, using a ledger, and verifies it. Not in the path of a request."""
