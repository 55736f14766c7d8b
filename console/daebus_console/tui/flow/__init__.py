"""What the flow shows, in which order, and where in it one is. Pure: it knows no widget."""
