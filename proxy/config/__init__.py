"""The settings of all features, read from file and environment. Must not know the features."""
