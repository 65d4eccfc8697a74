"""Token counts and cost of an answer, and the record made from them. Does no I/O."""
