"""The commands of `relayctl`: options, one call, one output each. No logic of their own."""
