"""The names of channels as bytes. Pure."""

from __future__ import annotations

from daebus.errors import ConfigurationError

REPLIES = "caller:"
"""What the names of channels begin with on which answers come in."""


def encoded(channel: str) -> bytes:
    """A name as it goes out. Raises ConfigurationError for one that cannot be written.

    As os.fsencode has it: a name that came as bytes which are no UTF-8 goes out as the same bytes.
    """
    try:
        return channel.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ConfigurationError(f"a channel name must be encodable as UTF-8: {channel!r}") from None


def decoded(channel: bytes) -> str:
    """A name that came in, whatever its bytes are."""
    return channel.decode("utf-8", "surrogateescape")
