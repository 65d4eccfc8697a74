"""The HTML page of `relayctl report`. Loads nothing from outside its file."""
