"""Live rates of a running proxy. Knows no terminal."""
