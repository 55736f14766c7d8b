"""Which messages belong together, and what is remembered of them. Pure: its only clock comes with the messages."""
