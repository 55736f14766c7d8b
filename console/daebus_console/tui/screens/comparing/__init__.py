"""Two exchanges side by side, with what differs."""
