"""Measures the proxy beside nginx, a bare pass-through, LiteLLM, and itself without its features."""
