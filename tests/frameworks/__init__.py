"""The real frameworks beside the console: `make dialects`. Outside CI, for it installs them and takes minutes."""
