"""The asking side: callers, calls and broadcast.

Law: a request is published once, and whoever asked is told what is known of its fate. Imports the transport and the
wire, and nothing of the service.
"""
