"""The report on one page: what it holds, and the page itself."""
