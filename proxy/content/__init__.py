"""Captures prompts and answers for traces where that is configured. Must never delay or change an answer."""
