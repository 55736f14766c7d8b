"""Values that are hidden wherever they would be shown or written. Pure."""
