"""Verbs that show and explain what is there, and what was seen."""
