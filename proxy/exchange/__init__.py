"""Handles one request from arrival to record. Must not know a database or the admin API."""
