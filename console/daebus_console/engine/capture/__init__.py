"""Capture files: what a line of them is; writing, reading and loading them."""
