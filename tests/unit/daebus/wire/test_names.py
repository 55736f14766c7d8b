"""The names of channels as bytes: what came in goes out as the same bytes."""

from __future__ import annotations

import pytest

from daebus.errors import ConfigurationError
from daebus.wire.names import decoded, encoded


@pytest.mark.parametrize("raw", [b"", b"news", "Nachrichten für Ä".encode(), b"\xff\x00", b"\xed\xa0\x80"])
def test_the_bytes_of_a_name_stay_as_they_are(raw: bytes) -> None:
    assert encoded(decoded(raw)) == raw


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="encodable as UTF-8"):
        encoded("a\ud83d")
