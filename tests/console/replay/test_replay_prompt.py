"""replay, diff and edits at a prompt."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daebus import DaebusCaller
from daebus.transport.address import RedisAddress
from daebus_console.commands.under_way import under_way
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State
from daebus_console.engine.replay.draft import DraftError, draft_of, from_draft
from daebus_console.engine.replay.item import Unsendable, resend_of
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from daebus_console.text import cells
from tests.console.engine.bus import Bus, answer, raw, request
from tests.console.replay.conftest import Shop
from tests.console.replay.prompt import Prompt, Said
from tests.support.waiting import eventually


@pytest.fixture
def prompt(shop: Shop) -> Iterator[Prompt]:
    with Prompt(Session(shop.url)) as made:
        yield made


@pytest.fixture
def origin(prompt: Prompt, shop: Shop, caller: DaebusCaller) -> Exchange:
    """What was seen before, and answered."""
    caller.send_request("echo", {"user": {"name": "Ann", "age": 29}, "token": "t", "tags": [1, 2]})
    return prompt.seen(target=shop.name, action="echo", state=State.OK)


def test_a_replay_is_a_new_exchange_that_knows_its_origin(prompt: Prompt, shop: Shop, origin: Exchange) -> None:
    assert prompt(f"replay #{origin.number}") == 0
    assert f"the same answer as in #{origin.number}" in prompt.said.all
    new = eventually(lambda: _latest(prompt, origin), what="the replay is seen")
    assert (new.aside.origin, new.has(Flag.OURS)) == (origin.number, True)
    # The answer is known to who asked before the tap has told of it.
    eventually(lambda: new.state is State.OK, what="its answer is seen")
    assert prompt("diff #" + str(new.number)) == 0
    assert "no difference" in prompt.said.all
    assert shop.asked[0] == shop.asked[1]


@pytest.mark.parametrize("payload", ["[1, 2]", '"text"', "1.50"])
def test_what_carries_no_object_is_sent_again_as_it_was_and_never_edited(
    prompt: Prompt, shop: Shop, payload: str
) -> None:
    body = f'{{"action": "echo", "payload": {payload}, "request_id": "a", "reply_to": "caller:1"}}'
    with RedisAddress(shop.url).client() as client:
        client.publish(shop.name, body)
    seen = prompt.seen(target=shop.name, action="echo", state=State.ERROR)
    assert prompt(f"replay #{seen.number} --dry-run") == 0
    assert "".join(prompt.said.results[1:]).replace("\n", "").replace(" ", "") == payload.replace(" ", "")
    assert prompt(f"replay #{seen.number} a=1") == 2
    assert "cannot be edited: it can only be sent again as it was" in prompt.said.all
    assert not shop.asked
    prompt(f"replay #{seen.number}")
    assert f"the same answer as in #{seen.number}" in prompt.said.all


def test_what_is_no_json_is_not_edited(prompt: Prompt, shop: Shop) -> None:
    with RedisAddress(shop.url).client() as client:
        client.publish(f"{shop.name}.news", "tea")
    seen = prompt.seen(target=f"{shop.name}.news", kind=Kind.BROADCAST)
    assert prompt(f"replay #{seen.number} a=1") == 2
    assert "cannot be edited: it can only be sent again as it was" in prompt.said.all


def _latest(prompt: Prompt, origin: Exchange) -> Exchange | None:
    numbers = origin.aside.replays
    return prompt.session.journal.exchange(numbers[-1]) if numbers else None


def test_edits_set_and_take_away(prompt: Prompt, shop: Shop, origin: Exchange) -> None:
    assert prompt(f"replay #{origin.number} user.name=Bob user.age:=30 -token -tags[0] tags[]=x") == 0
    assert shop.asked[-1] == {"user": {"name": "Bob", "age": 30}, "tags": [2, "x"]}
    assert "response.payload.user.name" in prompt.said.all
    assert "response.payload.token" in prompt.said.all
    assert prompt(f"replay #{origin.number} user.name=Bob --json --ignore *") == 0
    (record,) = prompt.said.records
    assert record["result"] == "same"
    assert record["replays"] == origin.number
    assert record["payload"]["user"]["name"] == "Bob"


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        ("age:=3x", "no JSON"),
        ("-nothing", "cannot take away nothing"),
        ("-user.last", "no last"),
        ("user=1 user.name=x", "not an object"),
        ("what", "no item"),
        ("-tags[]", "name a place"),
        ("a=1 a=2", "twice"),
    ],
)
def test_an_edit_that_is_none_sends_nothing(prompt: Prompt, shop: Shop, origin: Exchange, edit: str, told: str) -> None:
    count = len(shop.asked)
    assert prompt(f"replay #{origin.number} {edit}") == 2
    assert told in prompt.said.all
    assert len(shop.asked) == count


def test_another_service_another_redis_and_nobody(prompt: Prompt, shop: Shop, origin: Exchange, redis_url: str) -> None:
    assert prompt(f"replay #{origin.number} --to {shop.name}_gone") == 3
    assert "nobody serves" in prompt.said.all
    assert prompt(f"replay #{origin.number} --redis {redis_url}") == 0
    assert prompt(f"replay #{origin.number} --redis redis://localhost:1/0") == 5


def test_a_broadcast_is_asked_about_with_the_number_of_subscribers(
    prompt: Prompt, shop: Shop, publish: Callable[[dict[str, Any]], None]
) -> None:
    publish({"n": 1, "x": "y"})
    seen = prompt.seen(target=f"{shop.name}.news")
    prompt.answer = False
    assert prompt(f"replay #{seen.number}") == 2
    (question,) = prompt.asked
    assert f"'{shop.name}.news', to 1 subscriber?" in question
    eventually(lambda: len(shop.told) == 1, what="told once")
    prompt.answer = True
    assert prompt(f"replay #{seen.number} n:=2") == 0
    eventually(lambda: shop.told[1:] == [{"n": 2, "x": "y"}], what="told again")


def test_many_by_a_filter_or_marks_without_earlier_replays(prompt: Prompt, shop: Shop, caller: DaebusCaller) -> None:
    for index in range(3):
        caller.send_request("echo", {"n": index})
    eventually(lambda: _answered(prompt, shop) == 3, what="all are seen")
    last = prompt.seen(target=shop.name, action="echo")
    assert prompt(f"replay to:{shop.name} action:echo --asap") == 0, prompt.said.all
    assert len(shop.asked) == 6
    assert prompt(f"replay to:{shop.name} action:echo --asap") == 0
    assert len(shop.asked) == 9
    assert prompt(f"mark #{last.number}") == 0
    assert prompt("replay is:marked") == 0
    assert len(shop.asked) == 10
    assert prompt(f"replay #{last.number} #{last.number} --asap") == 0
    assert len(shop.asked) == 12
    first = next(one for one in prompt.session.journal.exchanges if (one.target, one.action) == (shop.name, "echo"))
    assert prompt(f"replay #{last.number} #{first.number} --asap") == 0
    assert shop.asked[12:] == [{"n": 2}, {"n": 0}], "in the order in which they were named"


def test_the_report_of_many_has_room_in_a_narrow_terminal(
    prompt: Prompt, shop: Shop, caller: DaebusCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller.send_request("echo", {"n": 1})
    eventually(lambda: _answered(prompt, shop) == 1, what="it is seen")
    assert prompt(f"replay to:{shop.name} action:echo --asap") == 0
    assert "p95 then" in prompt.said.all
    monkeypatch.setattr(Said, "width", 80)
    assert prompt(f"replay to:{shop.name} action:echo --asap") == 0
    headings, row, left_out, *_ = [one for one in prompt.said.results if "echo" in one or "then" in one]
    assert ("p50 then" in headings, "p95 then" in headings) == (True, False)
    assert left_out == "no room for p95 then, p95 now: --json has all"
    assert max(map(cells, (headings, row))) <= 80


def _answered(prompt: Prompt, shop: Shop) -> int:
    with prompt.session.lock:
        found = [one for one in prompt.session.journal.exchanges if one.target == shop.name and one.action == "echo"]
    return sum(one.state is State.OK for one in found)


def test_a_replay_in_the_background_can_be_cancelled(prompt: Prompt, shop: Shop, caller: DaebusCaller) -> None:
    caller.send_request("echo", {"n": 1})
    time.sleep(0.3)
    caller.send_request("echo", {"n": 2})
    eventually(lambda: _answered(prompt, shop) == 2, what="both are seen")
    assert prompt(f"replay to:{shop.name} action:echo --speed 0.001 &") == 0
    said = prompt.said
    eventually(lambda: len(shop.asked) == 3, what="the first one is sent")
    assert prompt("cancel 1") == 0
    eventually(lambda: any("stopped:" in note for note in said.notes), what="it says that it stopped")
    assert len(shop.asked) == 3


def test_read_only_sends_nothing(shop: Shop, caller: DaebusCaller) -> None:
    session = Session(shop.url)
    with Prompt(session, Sender(session, read_only=True)) as prompt:
        caller.send_request("echo", {"n": 1})
        seen = prompt.seen(target=shop.name, action="echo")
        for line in (f"replay #{seen.number}", f"replay to:{shop.name}", "mock nobody act a=1"):
            assert prompt(line) == 2
            assert "read-only" in prompt.said.all
        assert len(shop.asked) == 1


def test_differences_of_two_exchanges(prompt: Prompt, shop: Shop, caller: DaebusCaller) -> None:
    caller.send_request("price", {"sku": "a"})
    first = prompt.seen(target=shop.name, action="price", state=State.OK)
    shop.price = 101
    caller.send_request("price", {"sku": "b"})
    second = eventually(lambda: _another(prompt, first), what="both are seen")
    assert prompt(f"diff #{first.number} #{second.number} --ignore *.at --json") == 1
    assert [(one["path"], one["before"], one["after"]) for one in prompt.said.records] == [
        ("request.payload.sku", "a", "b"),
        ("response.payload.sku", "a", "b"),
        ("response.payload.cents", 100, 101),
    ]
    assert prompt(f"diff #{first.number} #{second.number} --ignore *.at,*.sku --tolerance 1") == 0
    assert prompt(f"diff #{first.number}") == 2
    assert prompt(f"diff #{first.number} #{second.number} #{second.number}") == 2


def _another(prompt: Prompt, first: Exchange) -> Exchange | None:
    found = prompt.seen(target=first.target, action=first.action, state=State.OK)
    return found if found is not first else None


def test_what_can_never_be_sent_again() -> None:
    bus = Bus()
    for sent in (answer("caller:1", id="stray"), raw("daebus.control.users", b"no JSON")):
        with pytest.raises(Unsendable):
            resend_of(bus >> sent)
    with pytest.raises(Unsendable):
        resend_of(bus.gap(1))


def test_flat_requests_and_payloads_in_strings_keep_their_form() -> None:
    bus = Bus()
    flat = resend_of(bus >> raw("users", b'{"action": "get", "id": 7, "reply_to": "caller:1", "request_id": "a"}'))
    assert flat.payload == {"id": 7}
    assert flat.with_payload({"id": 8}).body == {"action": "get", "id": 8}
    assert flat.with_payload({"timeout": 8}).body == {"action": "get", "payload": {"timeout": 8}}
    text = resend_of(bus >> request("users", "get", id="b", payload='{"id": 9}'))
    assert text.payload == {"id": 9}
    assert text.body["payload"] == '{"id": 9}'


def test_what_it_says_of_the_call_it_was_stays_behind() -> None:
    bus = Bus()
    call = b'"retry_of": "a", "traceparent": "00-1-2-01", "tracestate": "x=1", "baggage": "y=2"'
    asked = b'{"action": "get", "payload": {"id": 7}, "request_id": "b", "reply_to": "caller:1", %s}' % call
    assert resend_of(bus >> raw("users", asked)).body == {"action": "get", "payload": {"id": 7}}
    # Where there is no payload, all that is not the envelope's is.
    flat = b'{"action": "get", "traceparent": "mine", "request_id": "c", "reply_to": "caller:1"}'
    assert resend_of(bus >> raw("users", flat)).payload == {"traceparent": "mine"}


def test_a_draft_comes_back_edited_or_points_at_what_is_wrong() -> None:
    bus = Bus()
    item = resend_of(bus >> request("users", "get", id="a", payload={"id": 1}))
    text = draft_of(item)
    assert from_draft(text, item) == item
    edited = from_draft(text.replace("1", "2").replace("get", "set"), item)
    assert (edited.payload, edited.action, edited.body["action"]) == ({"id": 2}, "set", "set")
    with pytest.raises(DraftError) as caught:
        from_draft(text.replace('"id": 1', '"id": x'), item)
    assert caught.value.line == 5
    for wrong in ("[]", "{}", text.replace('"users"', "3"), text.replace('{\n    "id": 1\n  }', "[]"), "NaN"):
        with pytest.raises(DraftError):
            from_draft(wrong, item)
    assert item.kind is Kind.REQUEST


def test_a_replay_left_to_itself_is_held_and_let_go_on(
    prompt: Prompt, shop: Shop, caller: DaebusCaller, capture: Callable[[Callable[[], None]], Path]
) -> None:
    path = capture(lambda: [caller.send_request("echo", {"n": index}) for index in range(100)])
    shop.asked.clear()
    assert prompt(f"replay {path} --rate 10 &") == 0
    going = under_way(prompt.session)
    eventually(lambda: going.replays and len(shop.asked) >= 2, what="it is under way")
    assert prompt("pause") == 0
    assert "nothing more is sent" in prompt.said.all
    assert going.replays[0].paused
    assert prompt("pause") == 0
    assert "goes on" in prompt.said.all
    before = len(shop.asked)
    eventually(lambda: len(shop.asked) > before, what="it goes on")
    assert prompt("cancel") == 0
    eventually(lambda: not going.replays, what="it has ended")
    assert prompt("pause") == 2
    assert "no view" in prompt.said.all
