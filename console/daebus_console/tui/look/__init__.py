"""How roles of text look in a theme, and whether it can be read."""
