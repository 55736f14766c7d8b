"""What many exchanges have in common, on the screen: contrast, shape, and two conversations side by side."""
