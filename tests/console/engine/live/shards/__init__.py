"""The pure parts of what reads the bus, and asks who is there."""
