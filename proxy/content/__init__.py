"""Captures prompts and answers for traces where that is configured. Never delays or changes an answer."""
