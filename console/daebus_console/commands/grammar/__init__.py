"""From a line, or the arguments of a shell, to a command, and what is said where there is none. Carries nothing out."""
