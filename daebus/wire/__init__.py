"""The wire: bytes and messages, and what may stand in them.

Law: pure. No socket, no clock, no lock, no thread, no event loop; imports nothing of the other rooms.
"""
