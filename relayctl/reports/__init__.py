"""Usage, leaderboard and their terms: time range, query, measures. Knows no source and no output format."""
