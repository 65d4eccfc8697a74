"""Computes live rates of a running proxy. Must not print anything."""
