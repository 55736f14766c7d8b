"""What a plain URL says is what redis-py reads in it; and how one logs in."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from redis.connection import parse_url

from daebus.errors import PermissionDenied, RedisRefused
from daebus.transport.plain import Plain, plain
from daebus.transport.url import ambiguity
from daebus.wire.resp import ErrorReply, pack

WORDS = st.text(st.sampled_from(string.ascii_letters + string.digits + "%.-_~!$&'*+,;=:@/?#[]\\ \té٣"), max_size=8)
URLS = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(("redis://", "rediss://", "unix://", "REDIS://", "redis:/")),
        st.one_of(st.just(""), st.builds("{}@".format, WORDS), st.builds("{}:{}@".format, WORDS, WORDS)),
        st.one_of(st.sampled_from(("localhost", "127.0.0.1", "[::1]", "H-1.x_y", "", "a" * 70)), WORDS),
        st.one_of(st.just(""), st.builds(":{}".format, st.one_of(st.integers(0, 99_999).map(str), WORDS))),
        st.one_of(st.just(""), st.builds("/{}".format, st.one_of(st.integers(0, 99).map(str), WORDS))),
        st.sampled_from(("", "", "?db=3", "#x", "?")),
    ),
)


@example("redis://u:%70%zz@h/007")
@example("redis://u%40x:p%2Fq+r@H:0/1")
@example("redis://:p:q@h")
@example("redis://@h/")
@example("redis://:@h:")
@given(URLS)
def test_it_is_what_redis_py_reads(url: str) -> None:
    found = plain(url)
    if found is None:
        return
    assert ambiguity(url) is None
    read = dict(parse_url(url))  # type: ignore[no-untyped-call]
    assert found == Plain(
        str(read.pop("host")),
        int(read.pop("port", 6379)),
        str(read.pop("username", "")),
        str(read.pop("password", "")),
    )
    assert read.keys() <= {"db"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://localhost", Plain("localhost", 6379, "", "")),
        ("redis://localhost:6379/0", Plain("localhost", 6379, "", "")),
        ("redis://ann:p%40w@Db-1.example.org:7000/12", Plain("db-1.example.org", 7000, "ann", "p@w")),
        ("redis://:secret@10.0.0.1/", Plain("10.0.0.1", 6379, "", "secret")),
    ],
)
def test_what_most_urls_name_is_plain(url: str, expected: Plain) -> None:
    assert plain(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "rediss://h", "unix:///x", "redis://h?db=1", "redis://h:0", "redis://h:99999", "redis://h:", "redis://", "redis:///3",
        "redis://[::1]:5", "redis://h/a", "redis://h/1/2", "redis://a@b@h", "redis://h#x", "redis://é@h", "redis://h:٣",
        "redis+cluster://h:1", "REDIS://h", "redis://h\n", "redis://h/123456",
    ],
)  # fmt: skip
def test_the_others_are_for_redis_py(url: str) -> None:
    assert plain(url) is None


def answered(one: Plain, *replies: object) -> list[bytes]:
    """The commands that it gives where those are the replies."""
    steps, given = one.log_in("h"), list[bytes]()
    try:
        given.append(next(steps))
        for reply in replies:
            given.append(steps.send(reply))
    except StopIteration:
        pass
    return given


def test_who_names_nobody_gives_no_command() -> None:
    assert answered(Plain("h", 1, "", "")) == []


def test_a_user_and_a_password() -> None:
    assert answered(Plain("h", 1, "ann", "pw"), b"OK") == [pack(b"AUTH", b"ann", b"pw")]
    assert answered(Plain("h", 1, "", "pw"), b"OK") == [pack(b"AUTH", b"pw")]
    assert answered(Plain("h", 1, "ann", ""), b"OK") == [pack(b"AUTH", b"ann", b"")]


def test_before_redis_6_there_are_no_users() -> None:
    wrong = ErrorReply("ERR wrong number of arguments for 'auth' command")
    assert answered(Plain("h", 1, "ann", "pw"), wrong, b"OK") == [pack(b"AUTH", b"ann", b"pw"), pack(b"AUTH", b"pw")]


@pytest.mark.parametrize(
    ("reply", "kind", "text"),
    [
        ("WRONGPASS invalid username-password pair or user is disabled.", PermissionDenied, "refused us: invalid user"),
        ("ERR Client sent AUTH, but no password is set", PermissionDenied, "refused us: Client sent"),
        ("ERR max number of clients reached", RedisRefused, "cannot connect to Redis at h: ERR max number"),
        ("DENIED Redis is running in protected mode", RedisRefused, "cannot connect to Redis at h: DENIED"),
    ],
)
def test_a_refusal_tells_what_redis_said(reply: str, kind: type[RedisRefused], text: str) -> None:
    with pytest.raises(RedisRefused, match=text) as caught:
        answered(Plain("h", 1, "ann", "secret"), ErrorReply(reply))
    assert type(caught.value) is kind
    assert "secret" not in str(caught.value)
