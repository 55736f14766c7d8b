"""A message as text that is edited: what it means, how it is coloured, and what is hidden in it. Pure."""
