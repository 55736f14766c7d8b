"""The demo: a broker and the shop's services, each in a process of its own, and their end."""
