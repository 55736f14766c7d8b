"""How many, how fast, how often wrong, by service and action. Pure."""
