"""Verbs of the console itself: how it is started, its view, its jobs, its variables and scripts."""
