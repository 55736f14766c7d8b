"""Verbs that keep what was seen, write it in other forms, and have it happen again."""
