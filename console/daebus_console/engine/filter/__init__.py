"""The filter language: its parser, its keys and what they test, and its completion. Pure."""
