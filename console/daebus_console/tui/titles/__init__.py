"""The lines above and below panes: what they are about, how they fare, which keys there are. Pure."""
