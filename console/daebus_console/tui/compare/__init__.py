"""What the screen of comparison shows, as rows and lines. Pure."""
