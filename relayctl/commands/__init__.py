"""The commands of `relayctl`: each parses options, makes one call and shows the result. Contains no logic."""
