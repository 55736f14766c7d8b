"""How services and their instances stand: who is there, who waits, and how they differ."""
