"""The main screen and those that open over it. Only these wire widgets, session and commands together."""
