"""Failures in groups: what is the same mistake, what is kept of it, and the filter that finds its members again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daebus_console.engine.filter import language as filters
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.insight.group import Group
from daebus_console.engine.insight.groups import MOST_GROUPS, MOST_TEXTS, Groups
from daebus_console.engine.insight.masking import LONGEST, looks_like_data, mask
from daebus_console.engine.insight.spread import Spread
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.records.before import row_of
from daebus_console.engine.records.record import Handled, Source
from tests.console.engine.bus import Bus, answer, raw, request

UUID = "8d3f9f3e-1111-4222-8333-123456789abc"


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("user 17 not found", "user N not found"),
        ("no user 'ann' in \"eu\"", "no user '…' in '…'"),
        ("can't find user's book", "can't find user's book"),
        ("timed out after 3.5 s (127.0.0.1:6379)", "timed out after N s (N)"),
        (f"order {UUID} is gone", "order ID is gone"),
        ("token a1b2c3d4e5 of a.b@example.org", "token ID of ID"),
        ("bad: [1, 2, 3]", "bad: [N]"),
        ("utf-8 v2 12ms user_17", "utf-N vN Nms user_N"),
        ("at 2026-11-27T20:03:11.123Z it broke", "at N it broke"),
        ("two\n   lines\tand", "two lines and"),
        ("password=***", "password='…'"),
        ("", ""),
        ("½ ٣ items", "½ N items"),
    ],
)
def test_what_differs_from_case_to_case_is_masked(text: str, template: str) -> None:
    assert mask(text).template == template
    assert mask(template).template == template, "masked once is masked for good"


def test_a_long_text_is_cut_and_its_filter_open_at_the_end() -> None:
    masked = mask("x" * LONGEST + "tail 17")
    assert masked.template == "x" * LONGEST + " …"
    assert masked.pieces == ("x" * LONGEST, "")


@pytest.mark.parametrize(
    ("name", "data"),
    [("17", True), ("2026-11-27", True), (UUID, True), ("a@b.de", True), ("a1b2c3d4", True), ("x" * 300, True),
     ("user_id", False), ("price2", False), ("line_1", False), ("", False), ("-", False), ("日本", False)],
)  # fmt: skip
def test_keys_that_are_data(name: str, data: bool) -> None:
    assert looks_like_data(name) is data


def fail(bus: Bus, number: int, text: Any, *, channel: str = "users", **more: Any) -> Exchange:
    bus >> request(channel, "get_user", id=f"r{number}", service=more.pop("asker", "web"))
    bus.wait(0.01)
    payload = text if isinstance(text, dict) else {"error": text, "code": "handler_error", "type": "KeyError"}
    return bus >> answer("caller:1", id=f"r{number}", status="error", payload=payload, **more)


def grouped(bus: Bus, **options: Any) -> list[Group]:
    return Groups(**options).add_all(bus.exchanges).tell_apart(lambda: bus.exchanges).sorted()


def members(bus: Bus, group: Group) -> list[Exchange]:
    return [exchange for exchange in bus.exchanges if filters.parse(group.filter)(exchange)]


TEXTS = (
    "404", "405", "connection refused", "Connection Refused", "user 17 not found", "user 18 not found",
    "user 'ann' not found", f"user {UUID} not found", "not found", "'x'", "*", "", 'say "hi"', "x" * 500, "a\nb",
)  # fmt: skip
_text = st.sampled_from(TEXTS) | st.text(max_size=8)
_odd = st.sampled_from([404, 17.5, -0.0, 10**30, {}, [], [1], None, True, ["404"], {"message": "no 17"}, {"code": 1}])
_payload = st.one_of(
    st.fixed_dictionaries({}, optional={"error": _text | _odd, "message": _text, "type": st.sampled_from(TEXTS[:4])}),
    st.sampled_from(["it broke", 17, None, [1]]),
)
_failure = st.fixed_dictionaries(
    {
        "service": st.sampled_from(["users", "Users", "shop"]),
        "action": st.sampled_from(["get", "GET", ""]),
        "asked": st.sampled_from([{}, {"error": "404"}, {"type": "404"}, {"message": "x"}]),
        "payload": _payload,
        "code": st.sampled_from(["http", "HTTP", "", None, 7]),
        "ends": st.sampled_from(["error", "error", "error", "success", "timeout", "late", "stray", "unreadable"]),
    }
)


def test_an_unseen_question_that_was_answered_well_is_in_no_group() -> None:
    bus = Bus()
    failed = bus >> answer("caller:9", id="a", status="error")
    bus >> answer("caller:9", id="b")
    (group,) = Groups().add_all(bus.exchanges).tell_apart(lambda: bus.exchanges).sorted()
    assert [one.number for one in members(bus, group)] == list(group.all_numbers or ()) == [failed.number]


@settings(max_examples=150, deadline=None)
@given(st.lists(_failure, max_size=25))
def test_the_filter_of_a_group_selects_its_members_and_nothing_else(failures: list[dict[str, Any]]) -> None:
    bus = Bus()
    for number, one in enumerate(failures):
        payload = one["payload"]
        if isinstance(payload, dict) and one["code"] is not None:
            payload = {**payload, "code": one["code"]}
        ended = json.dumps({"status": "error", "request_id": f"r{number}", "payload": payload})
        if one["ends"] == "stray":
            bus >> raw("caller:9", ended)
            continue
        if one["ends"] == "unreadable":
            bus >> raw(f"{one['service']}.responses", '{"action": ' + json.dumps(one["payload"]))
            continue
        bus >> request(one["service"], one["action"], id=f"r{number}", payload=one["asked"], timeout=1)
        if one["ends"] in ("error", "success"):
            bus >> raw("caller:1", ended.replace('"error"', f'"{one["ends"]}"', 1))
    bus.wait(2)
    for number, one in enumerate(failures):
        if one["ends"] == "late":
            bus >> answer("caller:1", id=f"r{number}")
    groups = Groups().add_all(bus.exchanges).tell_apart(lambda: bus.exchanges)
    found = groups.sorted()
    for group in found:
        assert group.exact
        assert sorted(one.number for one in members(bus, group)) == list(group.all_numbers or ()), group.filter
        assert len(group.all_numbers or ()) == group.count
    assert sum(group.count for group in found) == groups.failed == len({n for g in found for n in g.all_numbers or ()})


def test_texts_that_are_told_apart_by_their_values_or_by_what_they_lack() -> None:
    bus = Bus()
    for number, text in enumerate(["404", "connection refused", {}, {"error": {}}, 404]):
        fail(bus, number, text if isinstance(text, dict) else {"error": text})
    found = {group.key.template: group for group in grouped(bus)}
    base = 'kind:request status:error to:users action:get_user code:""'
    assert found["N"].filter == f'{base} payload.error:"404"'
    assert found["connection refused"].filter == f'{base} payload.error:"connection refused"'
    assert found[""].filter == f'{base} -payload.error:"404" -payload.error:"connection refused"'
    assert [one.count for one in found.values()].count(2) == 2


def test_where_no_text_is_there_the_filter_says_so() -> None:
    bus = Bus()
    fail(bus, 1, {"error": "connection refused"})
    fail(bus, 2, {})
    (group,) = (group for group in grouped(bus) if not group.key.template)
    assert group.filter.endswith(" -payload.error:*")


def test_what_only_numbers_tell_apart_has_them_and_beyond_a_hundred_is_said_to_be_inexact() -> None:
    bus = Bus()
    for number in range(101):
        fail(bus, number, f"user {number} not found")
        if number in (5, 50):
            fail(bus, 1000 + number, f"user {UUID[:-2]}{number:02} not found '{number}' in user table, not found")
            fail(bus, 2000 + number, f"user {UUID[:-2]}{number:02} not found")
    many, *others = grouped(bus)
    assert (many.count, many.exact) == (101, False)
    assert len(members(bus, many)) > 101
    assert all(group.exact and len(members(bus, group)) == group.count == 2 for group in others)


def test_the_same_mistake_is_one_group() -> None:
    bus = Bus()
    for number in range(20):
        fail(bus, number, f"no user {number} in table 'u{number}'", instance=f"i{number % 2}")
        bus >> request("users", "get_user", id=f"ok{number}")
        bus >> answer("caller:1", id=f"ok{number}")
    fail(bus, 99, "out of memory", asker="shop")
    first, second = grouped(bus)
    assert (first.count, first.key.template, first.key.type) == (20, "no user N in table '…'", "KeyError")
    assert first.first < first.last
    assert first.instances == {"i0": 10, "i1": 10}
    assert first.callers == {"web": 20}
    assert sum(first.spread.bars(first.first, first.last, 5)) == 20
    assert (second.count, second.example, second.callers) == (1, "out of memory", {"shop": 1})
    assert [len(members(bus, group)) for group in (first, second)] == [20, 1]


@pytest.mark.parametrize(
    "text",
    [
        'say "hi" * and \\ back',
        "line one\nline two\r\n\tthree",
        "\x1b[31mred\x00\u202e",
        "it's 'quoted' and it's not",
        "ünï 17 čode 🙂 \ud83d",
        "{'a': [1, 2, {'b': 'c'}]}",
        "*" * 50,
        "x" * 5_000 + "17",
        "",
    ],
)
def test_whatever_an_error_says_its_filter_finds_it(text: str) -> None:
    bus = Bus()
    failed = fail(bus, 1, text)
    fail(bus, 2, "something else entirely", channel="shops")
    group = next(group for group in grouped(bus) if group.key.target == "users")
    assert failed in members(bus, group)
    assert len(members(bus, group)) == 1


@pytest.mark.parametrize("quotes", ["''", '""', "“”", "«»", "``"])
def test_a_text_that_is_all_quoted_is_told_from_one_that_is_not(quotes: str) -> None:
    bus = Bus()
    first, last = quotes
    for number in range(10):
        fail(bus, number, f"{first}name{number}{last}")
        fail(bus, 100 + number, f"'a', 'b', {first}c{number}{last} are missing")
        fail(bus, 200 + number, f"sku {number} is missing")
    found = grouped(bus)
    assert sorted(group.key.template for group in found) == ["'…'", "'…' are missing", "sku N is missing"]
    assert [len(members(bus, group)) for group in found] == [10, 10, 10]


def test_texts_that_quote_in_several_ways_are_one_group_with_all_its_members() -> None:
    bus = Bus()
    for number, (first, last) in enumerate(["''", '""', "“”", "«»", "``"]):
        fail(bus, number, f"no {first}x{last}")
        (group,) = grouped(bus)
        assert len(members(bus, group)) == group.count == number + 1
    assert len(group.patterns) == 1


def test_what_was_only_told_of_does_not_count() -> None:
    bus = Bus()
    fail(bus, 1, "no")
    told = Handled(seq=1, at=bus.now - 100, id="r0", action="login", outcome="handler_error", error="no")
    told.source = Source("users", "i1")
    _message, exchange = row_of(told, 7.0, 7, 7)
    groups = Groups().add_all([*bus.exchanges, exchange])
    assert (groups.looked, groups.failed) == (1, 1)


def test_questions_of_consoles_are_no_traffic_of_the_program() -> None:
    bus = Bus()
    fail(bus, 1, "no")
    fail(bus, 2, "no", channel="daebus.control.users")
    assert (Groups().add_all(bus.exchanges).looked, len(grouped(bus))) == (1, 1)
    assert Groups(control=True).add_all(bus.exchanges).looked == 2


@pytest.mark.parametrize(
    "payload",
    [
        {"error": {"message": "no user 17", "code": "gone"}},
        {"message": "no user 17"},
        {"detail": "no user 17", "error": 5},
        {"error": None, "code": 7, "type": ["odd"]},
        {},
    ],
)
def test_errors_of_other_shapes_are_grouped_too(payload: Any) -> None:
    bus = Bus()
    failed = fail(bus, 1, payload)
    (group,) = grouped(bus)
    assert members(bus, group) == [failed]
    assert group.key.template in ("no user N", "")


def test_errors_whose_payload_is_no_object_or_nothing_at_all() -> None:
    bus = Bus()
    for number, payload in enumerate(["it broke", 17, None, [1], "[" * 50]):
        bus >> request("users", "get_user", id=f"r{number}")
        bus >> raw("caller:1", json.dumps({"status": "error", "request_id": f"r{number}", "payload": payload}))
    (group,) = grouped(bus)
    assert (group.count, group.key.template) == (5, "")


def test_timeouts_late_answers_orphans_and_unreadable_messages() -> None:
    bus = Bus()
    for number in range(2):
        bus >> request("users", "get_user", id=f"t{number}", timeout=1)
    bus.wait(2)
    bus >> answer("caller:1", id="t1")
    bus >> answer("caller:9", id="unknown", status="error", payload={"error": "boom"}, service="shop")
    bus >> raw("news.responses", b'{"action": broken 17')
    bus >> raw("news.responses", b'{"action": ' + b"[" * 900)
    bus >> request("users", "get_user", id="pending")
    found = {(group.key.code, group.key.template): group for group in grouped(bus)}
    assert ("timeout", "no answer in time") in found
    assert ("timeout", "answered too late") in found
    assert found[None, "boom"].key.service == "shop"
    assert sum(group.count for group in found.values()) == 5
    for group in found.values():
        assert len(members(bus, group)) >= group.count


def test_texts_without_end_take_no_memory_without_end() -> None:
    groups = Groups()
    bus = Bus()
    for number in range(MOST_TEXTS + 30):
        fail(bus, number, "text " + "abcdefghij"[number % 10] * (number + 1))
    groups.add_all(bus.exchanges).tell_apart(lambda: bus.exchanges)
    found = groups.sorted()
    assert len(found) == MOST_TEXTS + 1
    assert (found[0].key.template, found[0].count) == ("(other texts)", 30)
    assert len(members(bus, found[0])) >= 30

    for number in range(MOST_GROUPS + 5):
        bus = Bus()
        groups.add(fail(bus, number, "x", channel="service " + "ab" * number))
    assert len(groups.sorted()) == MOST_GROUPS
    assert groups.left_out == MOST_TEXTS + 1 + 5
    assert sum(group.count for group in groups.sorted()) + groups.left_out == groups.failed


def test_a_secret_in_an_error_is_not_shown() -> None:
    bus = Bus()
    failed = fail(bus, 1, "login failed: password=hunter2 for 17")
    (group,) = grouped(bus, redact=Redactor(["password"]))
    assert "hunter2" not in f"{group.example} {group.filter} {group.key}"
    assert members(bus, group) == [failed]


def test_counts_over_time_are_kept_whatever_the_times_are() -> None:
    spread = Spread()
    times = [0.0, 0.001, 5.0, 1e6, 1e9, -3.0, 1e300] + [1e5 + number for number in range(500)]
    for at in times:
        spread.add(at)
    assert sum(spread.bars(0.0, 1e9, 12)) == len(times)
    assert sum(spread.bars(7.0, 7.0, 12)) == len(times)
    for at in (float("inf"), float("nan")):
        spread.add(at)
    assert sum(spread.bars(0.0, 1e9, 12)) == len(times), "what has no time is not counted"
    few = Spread()
    for at in (10.0, 10.1, 19.9):
        few.add(at)
    assert few.bars(10.0, 20.0, 10) == [2, 0, 0, 0, 0, 0, 0, 0, 0, 1]


def test_what_all_say_alike_is_shown_as_it_is_said_and_else_what_is_the_same_of_it() -> None:
    bus = Bus()
    fail(bus, 1, "'c-7'")
    fail(bus, 2, "'c-7'")
    (group,) = grouped(bus)
    assert (group.text, group.key.template) == ("'c-7'", "'…'")
    fail(bus, 3, "'c-8'")
    (group,) = grouped(bus)
    assert group.text == "'…'"
    long = Bus()
    fail(long, 1, "no\nroom for 'x'")
    assert [one.text for one in grouped(long)] == ["no room for 'x'"]
