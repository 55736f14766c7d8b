"""What verbs of all kinds do alike: what they are about, where values and files come from, what is asked first."""
