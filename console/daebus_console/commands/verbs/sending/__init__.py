"""Verbs that put something on the bus of their own, or answer in the place of others."""
