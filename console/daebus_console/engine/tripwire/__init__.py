"""A tripwire: what passed before and after something that seldom happens, kept as a capture."""
