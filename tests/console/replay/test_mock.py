"""Stand-ins asked by callers of the framework."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daebus import DaebusCaller, RequestFailed, RequestTimeout, ServiceUnavailable
from daebus.transport.address import RedisAddress
from daebus_console.engine.mock.answers import FixedAnswer, Given, RecordedAnswers
from daebus_console.engine.mock.mocks import Mocks, ServicePresent, _Stand
from daebus_console.engine.session import Session
from tests.console.cli.conftest import Console
from tests.console.engine.bus import Bus, answer, progress, request
from tests.console.replay.conftest import Shop
from tests.console.replay.prompt import Prompt
from tests.support.framework_services import subscribers
from tests.support.waiting import eventually


@pytest.fixture
def prompt(redis_url: str) -> Iterator[Prompt]:
    with Prompt(Session(redis_url)) as made:
        yield made


@pytest.fixture
def asker(redis_url: str, name: str) -> Iterator[DaebusCaller]:
    """Asks a service that is not there."""
    with DaebusCaller(name, redis_url=redis_url, timeout=5) as made:
        yield made


def test_it_answers_and_is_listed_and_ends(prompt: Prompt, asker: DaebusCaller, redis_url: str, name: str) -> None:
    assert prompt(f"mock {name} get_user id:=17 name=Ann") == 0
    assert asker.send_request("get_user", {"id": 1}) == {"id": 17, "name": "Ann"}
    assert prompt(f'mock {name} charge --error "card declined"') == 0
    with pytest.raises(RequestFailed, match="card declined"):
        asker.send_request("charge", {})
    with pytest.raises(RequestFailed, match="has no answer to 'other'; it knows: charge, get_user") as caught:
        asker.send_request("other", {})
    assert caught.value.code == "unknown_action"
    assert prompt("mocks --json") == 0
    assert [(one["service"], one["answered"]["exact"]) for one in prompt.said.records] == [(name, 1), (name, 1)]
    assert prompt("mocks") == 0
    assert "charge error card declined" in prompt.said.all
    assert prompt("unmock 1") == 0
    with pytest.raises(RequestFailed, match="no answer"):
        asker.send_request("get_user", {})
    assert prompt(f"unmock {name}") == 0
    with pytest.raises(ServiceUnavailable):
        asker.send_request("charge", {})
    assert subscribers(redis_url, name) == 0
    assert prompt("unmock 9") == 2


def test_it_has_its_answer_as_soon_as_it_listens(
    prompt: Prompt, asker: DaebusCaller, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen = _Stand.open
    answers = []

    def listen_and_ask(stand: _Stand) -> None:
        listen(stand)
        answers.append(asker.send_request("get", {}))

    monkeypatch.setattr(_Stand, "open", listen_and_ask)
    assert prompt(f"mock {name} get a=1") == 0
    assert answers == [{"a": "1"}]


def test_it_ends_with_the_last_of_its_answers(prompt: Prompt, asker: DaebusCaller, redis_url: str, name: str) -> None:
    assert prompt(f"mock {name} get a=1") == 0
    assert prompt(f"mock {name} pay --error no --times 1") == 0
    with pytest.raises(RequestFailed, match="no"):
        asker.send_request("pay", {})
    with pytest.raises(RequestFailed, match=r"has no answer to 'pay'; it knows: get$"):
        asker.send_request("pay", {})
    assert prompt("unmock 1") == 0
    eventually(lambda: subscribers(redis_url, name) == 0, what="nobody stands in any more")
    assert prompt(f"mock {name} get a=1 --times 1 --delay 300ms") == 0
    asked = threading.Thread(target=lambda: found.append(asker.send_request("get", {})))
    found: list[Any] = []
    asked.start()
    eventually(lambda: '"exact": 1' in json.dumps(stand_ins(prompt)[0]))
    # Its answer is still to be given.
    assert len(stand_ins(prompt)) == 1
    asked.join(20)
    assert found == [{"a": "1"}]
    eventually(lambda: subscribers(redis_url, name) == 0, what="it has ended")
    assert stand_ins(prompt) == []


def stand_ins(prompt: Prompt) -> list[Any]:
    """What `mocks` lists."""
    prompt.said.records.clear()
    assert prompt("mocks --json") == 0
    return list(prompt.said.records)


def test_delay_times_and_concurrency(prompt: Prompt, asker: DaebusCaller, name: str) -> None:
    assert prompt(f"mock {name} slow ok:=true --delay 500ms --times 10") == 0
    begun = time.monotonic()
    threads = [threading.Thread(target=asker.send_request, args=("slow", {})) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    # All of them at once, each after its delay.
    assert 0.5 <= time.monotonic() - begun < 4
    eventually(lambda: stand_ins(prompt) == [], what="it has ended")
    assert prompt("mocks") == 0
    assert "there are no stand-ins" in prompt.said.all
    with pytest.raises(ServiceUnavailable):
        asker.send_request("slow", {})


def test_it_refuses_where_the_service_is_there(prompt: Prompt, shop: Shop, caller: DaebusCaller) -> None:
    assert prompt(f"mock {shop.name} echo a=1") == 2
    assert "is there: 1 subscriber" in prompt.said.all
    assert "--beside" in prompt.said.all
    assert prompt(f"mock {shop.name} special a=1 --beside") == 0
    # What the stand-in does not know, the service alone answers.
    assert caller.send_request("echo", {"n": 1}) == {"n": 1}
    seen = prompt.seen(target=shop.name, action="echo")
    eventually(lambda: seen.replies == 1, what="its answer is seen")
    assert seen.replies == 1


def test_what_a_capture_says(
    prompt: Prompt, shop: Shop, caller: DaebusCaller, capture: Callable[[Callable[[], None]], Path], redis_url: str
) -> None:
    def asking() -> None:
        for index in range(3):
            caller.send_request("echo", {"id": index, "name": f"user {index}"})
        list(caller.stream_request("count", {"to": 2}))
        with pytest.raises(RequestFailed):
            caller.send_request("fail", {"what": "x"})

    path = capture(asking)
    shop.app.stop(grace=5)
    assert prompt(f"mock {shop.name} --from {path}") == 0, prompt.said.all
    assert "5 payloads of count, echo, fail" in prompt.said.all
    assert caller.send_request("echo", {"id": 1, "name": "user 1"}) == {"id": 1, "name": "user 1"}
    assert list(caller.stream_request("count", {"to": 2})) == [{"step": 0}, {"step": 1}, {"steps": 2}]
    with pytest.raises(RequestFailed, match="no x"):
        caller.send_request("fail", {"what": "x"})
    nearest = caller.send_request("echo", {"id": 2, "name": "somebody else"})
    assert nearest == {"id": 2, "name": "user 2"}

    def latest() -> dict[str, Any] | None:
        answer = prompt.seen(target=shop.name, action="echo").answer
        found: dict[str, Any] | None = None if answer is None else json.loads(answer.data)
        return found if found and "mock" in found else None

    marked = eventually(latest, what="the latest answer bears a mark")
    assert marked is not None
    assert marked["mock"] == "nearest"
    assert marked["instance"].startswith("mock-")
    with pytest.raises(RequestFailed, match="no answer to 'other'"):
        caller.send_request("other", {})
    assert prompt("mocks --json") == 0
    assert prompt.said.records[0]["answered"] == {"exact": 3, "nearest": 1, "unknown": 1}
    assert prompt("unmock") == 0
    assert f"no longer stands in for {shop.name}: 4 (1 nearest) answered, 1 not known" in prompt.said.all


def test_several_answers_to_one_payload_come_in_turn() -> None:
    bus = Bus()
    for index, word in enumerate(("first", "second")):
        bus >> request("users", "get", id=f"r{index}", payload={"id": 1})
        bus >> progress("caller:1", id=f"r{index}", payload={"n": index})
        bus >> answer("caller:1", id=f"r{index}", payload={"word": word})
    bus >> request("users", "get", id="unanswered", payload={"id": 2})
    bus >> request("daebus.control.users", "info", id="asked by a console")
    bus >> answer("caller:1", id="asked by a console", payload={"service": "users"})
    answers = RecordedAnswers("users", bus.journal.exchanges)
    assert answers.actions == {"get"}
    given = [answers.answer("get", {"id": 1}) for _ in range(3)]
    assert [one and one.payload["word"] for one in given] == ["first", "second", "second"]
    assert given[0] == Given({"word": "first"}, False, ({"n": 0},))
    assert answers.known == 1
    other = answers.answer("get", {"id": 2})
    assert other is not None
    assert other.mark == "nearest"
    assert answers.answer("nothing", {}) is None


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("mock {name}", "expected ACTION"),
        ("mock {name} act --from nothing.jsonl", "nothing.jsonl"),
        ("mock {name} act a=1 --error x", "no items go with it"),
        ("mock {name} act a=1 --from x.jsonl", "brings its own answers"),
        ("mock {name} act a:=x", "no JSON"),
        ("mock {name} act --times 0", "above zero"),
    ],
)
def test_what_cannot_be_mocked(prompt: Prompt, name: str, line: str, told: str) -> None:
    assert prompt(line.format(name=name)) == 2
    assert told in prompt.said.all


def test_one_way_messages_and_nonsense_are_not_answered(redis_url: str, name: str) -> None:
    mocks = Mocks(RedisAddress(redis_url))
    try:
        mock = mocks.add(name, FixedAnswer(None, Given({"a": 1})), "anything")
        with Session(redis_url) as session, DaebusCaller(name, redis_url=redis_url) as caller:
            assert session.wait_up(10)
            caller.send_message("told", {"x": 1})
            with RedisAddress(redis_url).client() as client:
                client.publish(name, b"\xff")
                client.publish(name, b"[]")
            assert caller.send_request("asked", {}) == {"a": 1}
            with RedisAddress(redis_url).client() as client:
                client.publish(f"{name}.end", "the end")
            eventually(lambda: f"{name}.end" in [one.channel for one in list(session.journal.messages)], what="seen")
            with session.lock:
                answers = [one for one in session.journal.messages if one.kind == "response" and b"mock-" in one.data]
            assert len(answers) == 1
        assert mock.answered["exact"] == 1
        with pytest.raises(ServicePresent):
            Mocks(RedisAddress(redis_url)).add(name, FixedAnswer(None, Given({})), "beside another console's")
    finally:
        mocks.close()
    assert subscribers(redis_url, name) == 0


def test_an_answer_under_way_is_not_given_after_the_end(redis_url: str, name: str) -> None:
    mocks = Mocks(RedisAddress(redis_url))
    mocks.add(name, FixedAnswer("slow", Given({})), "slow", delay=0.3)
    with DaebusCaller(name, redis_url=redis_url) as caller:
        failed: list[BaseException] = []

        def ask() -> None:
            try:
                caller.send_request("slow", {}, timeout=0.8)
            except RequestTimeout as error:
                failed.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        eventually(lambda: mocks.all()[0].answered["exact"], what="it is asked")
        mocks.close()
        thread.join(20)
    assert failed


def test_at_the_shell_it_stays_until_it_has_answered_so_often(console: Console, asker: DaebusCaller, name: str) -> None:
    with console.start("mock", name, "get", "a=1", "--times", "2") as process:
        try:
            eventually(lambda: subscribers(console.url, name), what="it listens")
            answers: list[Any] = [asker.send_request("get", {}) for _ in range(2)]
            _out, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert answers == [{"a": "1"}, {"a": "1"}]
    assert process.returncode == 0
    assert f"2 answered for {name}" in err
    refused = console("--read-only", "mock", name, "get", "a=1")
    assert refused.status == 2
