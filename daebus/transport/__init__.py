"""The transport: connections to Redis, made, lost and made again; one that listens and one that commands.

Law: what is said on a connection is the business of `wire.protocol`, and written nowhere twice; here bytes are moved,
threads are woken, and losses are told. Knows nothing of services and requests. Imports the wire.
"""
