"""The filter language: what each term lets through, what does not parse and where, and what the help says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daebus_console.engine import dialects
from daebus_console.engine.filter import writing
from daebus_console.engine.filter.keys import KEYS
from daebus_console.engine.filter.language import Filter, FilterError, help_rows, help_text, parse
from daebus_console.engine.filter.lexer import split
from daebus_console.engine.filter.payload import parse_path
from daebus_console.engine.message.exchange import Exchange, Flag
from daebus_console.render import size
from tests.console.engine.bus import Bus, answer, progress, raw, request


@pytest.fixture(scope="module")
def bus() -> Bus:
    """A few exchanges of every sort; their numbers are used as their names below."""
    bus = Bus()
    bus >> request(
        "orders", "create_order", id="A-1", service="web", reply_to="caller:w", payload={"user": {"name": "Ann"}}
    )
    bus.wait(0.02)
    bus >> answer("caller:w", id="A-1", service="orders", payload={"order_id": 7, "total": 12.5, "paid": True})  # 1
    bus >> request("users", "get_user", id="B-2", service="orders", reply_to="caller:o", payload={"id": 1})
    bus.wait(0.5)
    bus >> answer("caller:o", id="B-2", status="error", payload={"error": "out of stock", "code": "handler_error"})  # 2
    bus >> raw("order_events", '{"event": "created", "tags": ["new", "Big One"], "status": null, "v": "1..2"}')  # 3
    bus >> request("users", "note", reply_to=..., service="web", payload={"text": 'Zoë said "hi"'})  # 4
    bus >> answer("caller:x", id="C-3", service="stock", payload={"n": 1})  # 5
    bus >> raw("orders.responses", b'{"action": \xff no json, Upper Case')  # 6
    bus >> request("stock", "count", id="D-4", service="web shop", reply_to="caller:w", payload={"sku": "k" * 2000})
    bus >> progress("caller:w", id="D-4", payload={"done": 50})  # 7
    bus.gap(2, "cut off by the server")  # 8
    bus >> request("stock", "slow", id="E-5", service="web", reply_to="caller:w", timeout=1)
    bus.wait(2)
    bus >> answer("caller:w", id="E-5")  # 9
    bus >> request("daebus.control.stock", "info", id="F-6", service="console")  # 10
    bus["F-6"].set_aside().origin = 7
    bus["A-1"].flags |= Flag.MARKED
    return bus


def passing(bus: Bus, text: str) -> list[int]:
    accepts = parse(text)
    return [exchange.number for exchange in bus.journal.exchanges if accepts(exchange)]


ALL = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", ALL),
        ("   ", ALL),
        # names
        ("service:orders", [1, 2]),
        ("service:ORDERS", [1, 2]),
        ("service:order*", [1, 2, 6]),
        ("service:caller*", []),
        ("from:web", [1, 4, 9]),
        ("from:web*", [1, 4, 7, 9]),
        ("from:*shop", [7]),
        ("from:*e*h*", [7]),
        ('from:"web shop"', [7]),
        ("from:'web shop'", [7]),
        ("from:web\\ shop", [7]),
        ('from:""', [3, 6, 8]),
        ("to:stock,users", [2, 4, 7, 9, 10]),
        ("to:order_events", [3]),
        ("channel:caller:w", [1, 7, 9]),
        ("channel:order*", [1, 3, 6]),
        ("channel:daebus.control.*", [10]),
        ("action:*_*", [1, 2]),
        ("action:get_user,note", [2, 4]),
        ("action:", None),
        ("code:handler_*", [2]),
        # ids
        ("id:a-1", [1]),
        ("id:?-1", []),
        ("id:*-1,#3", [1, 3]),
        ("id:#7", [7]),
        ('id:"#7"', []),
        # words of our own
        ("kind:request", [1, 2, 7, 9, 10]),
        ("kind:one_way,one-way,broadcast", [3, 4]),
        ("kind:un*", [6]),
        ("status:ok", [1]),
        ("status:error", [2, 6]),
        ("status:unknown,timeout", [7, 9]),
        ("status:pending", [10]),
        ("status:orphan,sent,gap", [3, 4, 5, 8]),
        ("is:stream", [7]),
        ("is:late", [9]),
        ("is:marked,control", [1, 10]),
        ("is:replay", [10]),
        # numbers
        ("latency:>100ms", [2, 9]),
        ("latency:>100", [2, 9]),
        ("latency:<100000us", [1]),
        ("latency:0.4..0.6s", [2]),
        ("latency:10..600ms", [1, 2]),
        ("latency:1s..", [9]),
        ("latency:<0.1S,>1s", [1, 9]),
        ("-latency:>0", [3, 4, 5, 6, 7, 8, 10]),
        ("size:>2kb", [7]),
        ("size:>=2000 size:<1mb", [7]),
        ("size:<50b", [6]),
        # payloads
        ("payload.user.name:ann", [1]),
        ("payload.user.name:A*", [1]),
        ("payload.user.Name:ann", []),
        ("payload.user.*:ann", [1]),
        ("payload.*.name:ann", [1]),
        ("payload.user:*", [1]),
        ("payload.user:ann", []),
        ("payload.order_id:7", [1]),
        ("payload.order_id:7.0", [1]),
        ("payload.total:>12 payload.total:<=12.5", [1]),
        ("payload.total:10..13", [1]),
        ("payload.total:12*", [1]),
        ("payload.paid:true", [1]),
        ("payload.paid:1", []),
        ("payload.status:null", [3]),
        ("payload.status:*", [3]),
        ("payload.tags:new", [3]),
        ("payload.tags[0]:new", [3]),
        ("payload.tags[1]:new", []),
        ('payload.tags[*]:"big one"', [3]),
        ("payload.v:1..2", []),
        ('payload.v:"1..2"', [3]),
        ('payload."user".name:ann', [1]),
        ("payload.done:>=50", [7]),
        ("payload.nowhere:*", []),
        ("payload.service:*", []),
        # text
        ("ann", [1]),
        ('"OUT OF"', [2]),
        ("out*stock", [2]),
        ("zoë,ZOË", [4]),
        ('\'"hi"\'', [4]),
        ("said\\ \\\"HI", [4]),
        ("upper", [6]),
        ("order_events", [3]),
        ('"cut off"', [8]),
        ("#4", [4]),
        ("#4 #2", [2, 4]),
        ("#4,#1 status:error #2", [2]),
        ("#4 #5 -#5", [4]),
        ('#4 "#2"', []),
        ("#4 #2x", []),
        ("caller:x", None),
        ('"caller:x"', [5]),
        # together
        ("status:error code:*", [2]),
        ("-status:error -kind:request", [3, 4, 5, 8]),
        ("from:web -action:create*", [4, 9]),
        ("--web", ALL),
    ],
)  # fmt: skip
def test_what_a_filter_lets_through(bus: Bus, text: str, numbers: list[int] | None) -> None:
    if numbers is None:
        with pytest.raises(FilterError):
            parse(text)
    else:
        assert passing(bus, text) == numbers


@pytest.mark.parametrize("key", [key.name for key in KEYS])
def test_a_negated_term_lets_through_exactly_the_others(bus: Bus, key: str) -> None:
    example = next(entry.example for entry in KEYS if entry.name == key)
    some = set(passing(bus, example))
    assert set(passing(bus, f"-{example}")) == set(ALL) - some


def test_a_payload_is_read_as_the_framework_reads_it() -> None:
    bus = Bus()
    bus >> raw("orders", '{"action": "a", "request_id": "1", "payload": "{\\"n\\": {\\"m\\": 5}}"}')
    bus >> raw("orders", '{"action": "a", "request_id": "2", "n": {"m": 5}, "timeout": 3}')
    bus >> raw("prices", '{"n": {"m": 5}, "payload": {"n": {"m": 6}}}')
    bus >> raw("orders", '{"action": "a", "request_id": "4", "payload": {"n": {"m": NaN}, "k": 5}}')
    bus >> raw("orders", '{"action": "a", "request_id": "5", "payload": [{"n": {"m": 5}}]}')
    bus >> raw("orders", '{"action": "a", "request_id": "6", "payload": {"n": [5]}}')
    bus >> raw("orders", '{"action": "a", "request_id": "7", "payload": {"\\u006e": {"m": 5}}}')
    bus >> raw("orders", '{"action": "a", "request_id": "8", "payload": {"status": "paid"}}')
    bus >> raw("prices", '{"status": "paid", "action": 5}')
    assert passing(bus, "payload.n.m:5") == [1, 2, 3, 7]
    assert passing(bus, "payload.n.m:*") == [1, 2, 3, 4, 7]
    assert passing(bus, "payload.k:5") == [4]
    assert passing(bus, "payload[0].n.m:5") == [5]
    assert passing(bus, "payload.payload.n.m:6") == [3]
    assert passing(bus, "payload.timeout:*") == []
    assert passing(bus, "payload.status:paid") == [8, 9]
    assert passing(bus, "payload.action:*") == [9]


@pytest.mark.parametrize(
    ("path", "payload"),
    [
        ("." + ".".join("abcdefghijkl"), '{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{"i":{"j":{"k":{"l":1}}}}}}}}}}}}'),
        ('."a.b:c \\"d"', '{"a.b:c \\"d": 1}'),
        (".a[2][0].b", '{"a": [0, 0, [{"b": 1}]]}'),
        (".é", '{"\\u00e9": 1}'),
        ('.""', '{"": 1}'),
        ('."*"', '{"*": 1}'),
        (".\ud800x", '{"\\ud800x": 1}'),
        (r".a\.b", '{"a.b": 1}'),
        (r".a\.b\:c\ d\,e.f", '{"a.b:c d,e": {"f": 1}}'),
        (r".\*", '{"*": 1}'),
        (r".\"a\"\[0]", '{"\\"a\\"[0]": 1}'),
        (r".a\x0ab", '{"a\\nb": 1}'),
        (r'[0]."a b"[1].c\.d', '[{"a b": [0, {"c.d": 1}]}]'),
        ('["a.b"].c', '{"a.b": {"c": 1}}'),
        (r"['a b:\'c'][b]", '{"a b:\'c": {"b": 1}}'),
        ('["0"]["*"]', '{"0": {"*": 1}}'),
        (".'a.b'", '{"a.b": 1}'),
    ],
)
def test_paths(path: str, payload: str) -> None:
    bus = Bus()
    bus >> raw("orders", f'{{"action": "a", "request_id": "1", "payload": {payload}}}')
    bus >> raw("orders", '{"action": "a", "request_id": "2", "payload": {"x": 1}}')
    assert passing(bus, f"payload{path}:1") == [1]


@given(st.lists(st.one_of(st.text(), st.integers(0, 999), st.none()), min_size=1, max_size=5))
def test_a_path_that_is_written_is_read_as_it_was(path: list[str | int | None]) -> None:
    (term,) = split(f"{writing.field(tuple(path))}:1")
    assert parse_path(term) == tuple(path)
    assert term.raw.isprintable()


def test_a_path_in_which_a_name_is_missing_is_a_mistake_and_no_text() -> None:
    for text in ("payload..a:1", r"payload.a\.b..c:1"):
        with pytest.raises(FilterError, match="name of a field is missing"):
            parse(text)


def test_text_is_found_however_json_has_escaped_it() -> None:
    bus = Bus()
    bus >> raw("a", '{"t": "Stra\\u00dfe"}')
    bus >> raw("a", '{"t": "Straße"}'.encode())
    bus >> raw("a", '{"t": "\\u003cb\\u003e"}')
    bus >> raw("a", '{"t": "<B>"}')
    bus >> raw("a", '{"t": "\\ud83d\\ude00 x"}')
    bus >> raw("a", '{"t": "😀 x"}'.encode())
    bus >> raw("a", '{"t": "C:\\\\dir"}')
    bus >> raw("a", '{"t": "\\ud83d alone"}')
    assert passing(bus, "straße") == [1, 2]
    assert passing(bus, "stra*e") == [1, 2]
    assert passing(bus, '"<b>"') == [3, 4]
    assert passing(bus, "😀") == [5, 6]
    assert passing(bus, "C*dir") == [7]
    assert passing(bus, "'C:\\\\dir'") == [7]


@pytest.mark.parametrize("key", ["", "carries:"])
def test_a_slash_is_found_also_where_json_escapes_it(key: str) -> None:
    bus = Bus()
    bus >> raw("a", '{"t": "https:\\/\\/shop.example\\/a"}')
    bus >> raw("a", '{"t": "https://shop.example/a"}')
    bus >> raw("a", '{"t": "https:/\\/sh\\u006fp.example\\u002fa"}')
    bus >> raw("a", '{"t": "https:\\\\/\\\\/sh\\u006fp.example\\\\/a"}')
    bus >> raw("a", '{"\\u00fc": "https:\\/\\/shop.example\\/a"}')
    bus >> raw("a", b'{"t": "ht\\/tp"}')
    assert passing(bus, f"{key}'https://shop.example/a'") == [1, 2, 3, 5]
    assert passing(bus, f"{key}'HTTPS:*//SHOP*/a'") == [1, 2, 3, 5]
    assert passing(bus, f"{key}'https:*p.example/*'") == [1, 2, 3, 5]
    assert passing(bus, "p.example") == [1, 2, 3, 4, 5]


def test_sizes_are_those_that_are_shown(bus: Bus) -> None:
    passed = bus >> raw("news", "x" * 1_000)
    assert size(passed.size) == "1.0 kB"
    assert passing(bus, "to:news size:1kb..1kb") == [11]
    assert passing(bus, "to:news size:0.001mb..0.001mb") == [11]


# One message of an exchange -------------------------------------------------------------------------------------------


def test_a_message_is_judged_by_itself_where_it_has_what_is_asked_and_else_by_its_exchange(bus: Bus) -> None:
    exchange = bus["A-1"]
    asked, answered = exchange.messages

    def which(text: str) -> list[bool]:
        accepts = parse(text)
        return [accepts.matches_message(message, exchange) for message in (asked, answered)]

    assert which("") == [True, True]
    assert which("channel:orders") == [True, False]
    assert which("kind:response") == [False, True]
    assert which(f"size:..{len(asked.data)}b") == [True, len(answered.data) <= len(asked.data)]
    assert which("payload.order_id:7") == [False, True]
    assert which("ann") == [True, False]
    assert which("-ann") == [False, True]
    assert which("status:ok action:create_order latency:>1ms from:web id:A-1 is:marked") == [True, True]
    assert which("status:error") == [False, False]


def test_a_gap_is_found_by_kind_status_and_reason(bus: Bus) -> None:
    gap = next(exchange for exchange in bus.journal.exchanges if exchange.aside.gap)
    for text in ("kind:gap", "status:gap", "server", "#8"):
        assert parse(text).matches_message(gap.opened, gap)
    for text in ("size:<1mb", "payload.a:*", "service:*", "ann"):
        assert not parse(text).matches_message(gap.opened, gap)


# The object -----------------------------------------------------------------------------------------------------------


def test_filters_are_equal_by_their_text() -> None:
    assert parse(" status:ok ") == parse("status:ok")
    assert hash(parse("status:ok")) == hash(parse("status:ok "))
    assert parse("status:ok") != parse("status:error")
    assert parse("status:ok") != "status:ok"
    assert isinstance(parse("x"), Filter)


def test_the_empty_filter_asks_nothing() -> None:
    assert parse(" ").everything
    assert parse(" ").text == ""
    assert not parse("x").everything


def test_cheap_terms_are_asked_first() -> None:
    class Untouchable(bytes):
        def lower(self) -> bytes:
            raise AssertionError("the text was searched although the status had decided")

    bus = Bus()
    exchange: Exchange = bus >> request("orders", id="a")
    exchange.opened.data = Untouchable(exchange.opened.data)
    assert not parse("sometext status:ok")(exchange)


# What does not parse --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "marked", "says", "suggestion"),
    [
        ("to:a !status:ok", "!status", "there is no key '!status'", "-status"),
        ("chanel:x", "chanel", "no key", "channel"),
        ("xyzzy:x", "xyzzy", "keys are service, from, to, ", None),
        ("ok stauts:ok", "stauts", "no key", "status"),
        ("http://x", "http", "in quotes", None),
        ("-foo:x", "foo", "no key", None),
        ("status:ok,eror", "eror", "none of ok, error, pending", "error"),
        ("kind:brodcast", "brodcast", "none of", "broadcast"),
        ("is:lat", "lat", "none of", "late"),
        ("status:", "status:", "needs a value", None),
        ("a -status: b", "-status:", "needs a value", None),
        ("status:ok,", ",", "choice is missing", None),
        ("status:,ok", ",", "choice is missing", None),
        ("a,,b", ",", "choice is missing", None),
        ("a - b", "-", "nothing stands after", None),
        ('x "abc', '"abc', "not closed", None),
        ("from:'abc def", "'abc def", "not closed", None),
        ('"a"b', "b", "blank or a comma", None),
        ("latency:100ms", "100ms", "is compared", None),
        ('latency:">1s"', '">1s"', "is compared", None),
        ("latency:>", ">", "number is needed", None),
        ("latency:>fast", ">fast", "number is needed", None),
        ("latency:>5h", ">5h", "unknown unit 'h'; there are us, ms, s", None),
        ("latency:5..1ms", "5..1ms", "begins above its end", None),
        ("latency:1..x", "1..x", "number is needed", None),
        ("size:>1gb", ">1gb", "unknown unit", None),
        ("size:..", "..", "is compared", None),
        ("id:#x", "#x", "number of an exchange", None),
        ("payload:3", "payload", "name the field", None),
        ("payload.:3", ".", "name of a field is missing", None),
        ("payload.a..b:3", ".", "name of a field is missing", None),
        ("payload.a[]:1", "[]", "an index, a name", None),
        ("payload.a[0:1", "[0", "never closed", None),
        ("payload.a[0]b:1", "b", "is expected here", None),
        ("-payload.a[-1]:1", "[-1]", "an index, a name", None),
        ("payload.a[1234567890]:1", "[1234567890]", "an index, a name", None),
        ('payload."a:1', '"a:1', "not closed", None),
        ('payload.a"b.":1', '"', "behind a dot", None),
        ('payload["x.y":1', '["x.y"', "never closed", None),
        ('payload["x.y:1', '"x.y:1', "not closed", None),
        ('payload.a."b"."c"d"e":1', '"', "behind a dot", None),
        ("payload.a:>b", ">b", "number is needed", None),
        ("payload.a:>5ms", ">5ms", "no unit", None),
        ("payload" + ".a" * 33 + ":1", "payload" + ".a" * 33, "at most 32", None),
    ],
)
def test_an_error_points_at_its_place(text: str, marked: str, says: str, suggestion: str | None) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    error = caught.value
    assert text[error.position : error.position + error.length] == marked
    assert says in error.message
    assert error.suggestion == suggestion
    if suggestion:
        assert suggestion in str(error)


# Help -----------------------------------------------------------------------------------------------------------------


def test_the_help_has_every_key_and_its_examples_parse() -> None:
    text = help_text()
    for key in KEYS:
        assert f"{key.name}:" in text or f"{key.name}." in text
    for _syntax, meaning, example in help_rows():
        assert meaning
        parse(example)
        assert example in text


@pytest.mark.parametrize("name", dialects.installed()[0])
def test_each_dialect_can_be_named_with_either_dash(name: str) -> None:
    bus = Bus()
    bus >> request("users", "note", id="A-1", reply_to="caller:w")
    exchange = bus["A-1"]
    for text in {name, name.replace("-", "_")}:
        assert parse(f"dialect:{text}")(exchange) == (name == exchange.opened.dialect)


def test_what_is_no_number_in_json_is_found_by_its_name() -> None:
    bus = Bus()
    found = [bus >> raw("news", f'{{"x": {value}, "y": [1, {value}]}}') for value in ("NaN", "Infinity", "-Infinity")]
    bus >> raw("news", '{"x": 1e400, "y": [1.5]}')
    everything = list(bus.journal.exchanges)

    def matching(text: str) -> list[Exchange]:
        return [one for one in everything if parse(text)(one)]

    for key in ("payload.x", "payload.y", "payload.y[1]", "payload.*", "carries"):
        assert matching(f"{key}:nan") == found[:1]
        assert matching(f'{key}:"NaN"') == found[:1]
        assert matching(f"{key}:Infinity,NaN") == found[:2]
        assert matching(f"{key}:-Inf*") == found[2:]
    assert len(matching("payload.x:>1e300")) == 2
    assert matching("payload.x:*") == everything
