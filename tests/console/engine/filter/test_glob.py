"""Redis globs, compared with Redis itself."""

from __future__ import annotations

import random

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from daebus_console.engine.live import glob
from daebus_console.naming import from_bytes
from tests.support.redis_server import RedisServer

CASES = [
    ("*", "", False),
    ("", "", True),
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


def pairs(count: int, seed: int) -> list[tuple[bytes, list[bytes]]]:
    """Patterns and names that are near to one another, from few signs, among them those that globs are made of."""
    chance = random.Random(seed)
    signs = [
        b"a",
        b"b",
        b"c",
        b"[",
        b"]",
        b"^",
        b"-",
        b"\\",
        b"?",
        b"*",
        b"\xff",
        b"\xc3",
        b"\xa9",
        "é".encode(),
        b"\n",
    ]
    found = []
    for _ in range(count):
        pattern = b"".join(chance.choices(signs, k=chance.randrange(8)))
        names = [b"".join(chance.choices(signs, k=chance.randrange(7))) for _ in range(4)]
        # Most of a pattern, taken literally, is the name that is most likely to match it.
        near = bytes(
            chance.choice(b"abc") if sign in b"*?[]^-\\" and chance.random() < 0.6 else sign for sign in pattern
        )
        found.append((pattern, [*names, near]))
    return found


def test_ten_thousand_pairs_match_as_on_a_real_server(own_redis: RedisServer) -> None:
    patterns = pairs(2_000, seed=14)
    with redis.Redis.from_url(own_redis.url) as client:
        for start in range(0, len(patterns), 100):
            block = patterns[start : start + 100]
            names = sorted({name for _pattern, some in block for name in some})
            with client.pubsub() as subscriber:
                subscriber.subscribe(*names)
                for _ in names:
                    assert subscriber.get_message(timeout=5) is not None
                for pattern, _some in block:
                    listed = set(client.pubsub_channels(pattern))
                    said = {name for name in names if glob.matches(from_bytes(pattern), from_bytes(name))}
                    assert said == listed, pattern


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("caf??", "café", True),
        ("caf?", "café", False),
        (r"a[\]]b", "a]b", True),
        ("[a-]", "a", True),
        ("[a-]", "^", True),
        ("[^", "x", True),
        ("[", "[", False),
        ("[]a]*", "a]", False),
        ("[z-a]", "m", True),
        ("[!a]", "!", True),
        ("\\", "\\", True),
        ("caf?\udca9", "café", True),
    ],
)
def test_globs_are_of_bytes(pattern: str, name: str, expected: bool) -> None:
    assert glob.matches(pattern, name) is expected
