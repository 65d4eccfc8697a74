"""What a running proxy does at the moment: rates by model from its metrics, by team from its segments."""
