"""What a message is: its bytes, its envelope, and the exchange that it is a part of. Pure."""
