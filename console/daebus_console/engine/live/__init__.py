"""What talks to Redis for the console: the tap that reads all, who is subscribed, what it may. Knows no exchange."""
