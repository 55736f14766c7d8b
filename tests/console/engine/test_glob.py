"""Redis globs, compared with Redis itself."""

from __future__ import annotations

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from daebus_console.engine import glob

CASES = [
    ("*", "", True),
    ("*", "any.thing\n", True),
    ("shop.*", "shop.a", True),
    ("shop.*", "shopa", False),
    ("h?llo", "hallo", True),
    ("h?llo", "hllo", False),
    ("h[ae]llo", "hello", True),
    ("h[^e]llo", "hello", False),
    ("h[a-c]llo", "hbllo", True),
    ("h[c-a]llo", "hbllo", True),
    ("h\\?llo", "h?llo", True),
    ("h\\?llo", "hallo", False),
    ("a.b", "axb", False),
    ("(a|b)+", "(a|b)+", True),
    ("A", "a", False),
    ("*a*b*", "xxabxx", True),
    ("*a*b*", "xxbaxx", False),
    ("a*b*b", "ab", False),
    ("a*b*b", "abb", True),
    ("**", "x", True),
    ("*a*a*a*a*a*a*a*a*b", "a" * 200, False),
]


@pytest.mark.parametrize(("pattern", "name", "expected"), CASES)
def test_globs(pattern: str, name: str, expected: bool) -> None:
    assert glob.matches(pattern, name) is expected


def test_globs_are_those_of_redis(redis_url: str, name: str) -> None:
    """What PUBSUB CHANNELS lists for a pattern is what Redis itself takes for a match."""
    names = {f"{name}{text}" for _pattern, text, _expected in CASES if text}
    patterns = [f"{name}{pattern}" for pattern, _text, _expected in CASES]
    patterns += [
        f"{name}{odd}" for odd in ("[", "[a", "h[^a-f]*", "[]", "[^]*", "h[\\?]llo", "*l?o", "\\", "**", "[a-")
    ]
    with redis.Redis.from_url(redis_url) as client, client.pubsub() as subscriber:
        subscriber.subscribe(*names)
        for _ in names:
            assert subscriber.get_message(timeout=5) is not None
        for pattern in patterns:
            listed = {channel.decode() for channel in client.pubsub_channels(pattern)}
            assert listed == {one for one in names if glob.matches(pattern, one)}, pattern


signs = st.text(alphabet="ab*?[]^-\\", max_size=7)


@given(signs)
def test_every_text_is_a_glob(pattern: str) -> None:
    assert isinstance(glob.matches(pattern, "ab"), bool)
