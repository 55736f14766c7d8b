"""The asking side: callers, calls and broadcast. Imports the transport and the wire, and nothing of the service."""
