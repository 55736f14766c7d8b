"""Typed handlers: arguments out of payloads, answers out of what handlers return, and the schemas of both.

Law: the only room of the framework that knows msgspec, and it loads it only where a handler needs it. A handler leaves
as a function without arguments of the same kind (plain, async, generator); the rest of the service knows no other.
"""
