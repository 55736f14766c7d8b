"""Connections for an event loop: the same protocol with an asyncio transport under it."""
