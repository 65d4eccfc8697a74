"""The settings of every feature, their file and their environment variables. Knows no feature."""
