"""The wire: bytes and messages. What stands here is pure: no socket, no clock, no lock, no thread."""
