"""Verbs of the debugger: rules, what is held by them, and harm done on purpose."""
