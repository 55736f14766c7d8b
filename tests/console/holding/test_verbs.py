"""Breakpoints from a prompt: held, looked at, changed, let go; and what is said of what cannot be."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
import redis

from daebus import AsyncDaebusCaller, Daebus, RequestFailed, RequestTimeout, request
from daebus_console.commands.context import Exit
from daebus_console.commands.doing.shared.guard import host_of
from daebus_console.commands.under_way import under_way
from daebus_console.engine.keeping import keeper as keeping
from daebus_console.engine.message.envelope import debug_of
from daebus_console.engine.message.exchange import Flag
from daebus_console.engine.session import Session
from daebus_console.repl.telling import Telling
from tests.console.cli.conftest import Console
from tests.console.commands.prompt import prompting
from tests.console.holding.conftest import Asked, Debugging, Shop, known
from tests.support.waiting import eventually


def test_a_message_is_held_edited_and_let_go(console: Debugging, shop: Shop) -> None:
    assert console(f"break {shop.orders} place") == Exit.DONE
    asked = shop.ask(payload={"amount": 5, "customer": {"name": "Ann"}})
    (held,) = console.holding()
    assert not shop.handled
    assert console("held") == Exit.DONE
    assert f"{shop.orders}.place" in console.heard.lines[1]
    assert "before its handler" in console.heard.lines[1]
    assert "waits on" in console.heard.lines[1]
    assert console(f"held {held.number} --json") == Exit.DONE
    assert console.heard.records[-1]["payload"] == {"amount": 5, "customer": {"name": "Ann"}}
    assert console(f"release {held.number} go amount:=7.50 customer.name=Bob") == Exit.DONE
    assert asked.result() == {"placed": True, "charged": 7.5}
    assert shop.handled[0] == ("place", {"amount": 7.5, "customer": {"name": "Bob"}})
    assert not console.held()
    exchange = next(one for one in console.session.journal.exchanges if one.action == "place")
    eventually(lambda: exchange.flags & Flag.DEBUGGED, what="the answer bears the mark")


def test_the_numbers_of_a_payload_stay_as_they_were_written(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} ping --once")
    asked = shop.ask("ping", {"n": 12345678901234567890, "text": "é\\u0000 \u202e"})
    (held,) = console.holding()
    console(f"release {held.number} go more:=1e2")
    asked.result()
    assert shop.handled == [("ping", {"n": 12345678901234567890, "text": "é\\u0000 \u202e", "more": 100.0})]


@pytest.mark.parametrize("changes", ["n:=1.50", '{"n": 1.50, "name": "é"}', "n:=1.50 name=é --then over"])
def test_what_says_the_same_is_not_edited(console: Debugging, shop: Shop, redis_url: str, changes: str) -> None:
    console(f"break {shop.orders} ping")
    payload = '{"n":1.50,  "name":"\\u00e9"}'
    with redis.Redis.from_url(redis_url) as client:
        client.publish(
            shop.orders,
            f'{{"action":"ping","payload":{payload},"request_id":"{shop.orders}","reply_to":"{shop.orders}_to"}}',
        )
    console.holding()
    assert console(f"release next go {changes}") == Exit.DONE
    assert "as edited" not in console.heard.notes[-1]
    console("off")
    exchange = eventually(lambda: console.session.correlator.find(shop.orders))
    eventually(lambda: exchange.answer is not None, what="it is answered")
    mark = debug_of(exchange.answer.data)
    assert mark is not None
    assert set(mark[1]) == {"held"}


def test_what_is_too_large_to_be_shown_is_not_said_to_be_null(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} ping --once")
    large = shop.ask("ping", {"text": "x" * 300_000})
    console.holding()
    assert console("held --json") == Exit.DONE
    assert (console.heard.records[-1]["payload"], console.heard.records[-1]["cut"]) == (None, True)
    # It passed on the bus.
    assert console("held 1 --json") == Exit.DONE
    assert (len(console.heard.records[-1]["payload"]["text"]), console.heard.records[-1]["cut"]) == (300_000, False)
    console("off")
    large.result()
    console(f"break {shop.orders} charge --place call")
    asked = shop.ask(payload={"amount": "x" * 300_000})
    (held,) = console.holding()
    console.heard.lines.clear()
    assert console(f"held {held.number}") == Exit.DONE
    assert len(console.heard.lines) == 2
    assert re.fullmatch(r"it is too large to be shown \(300,\d{3} bytes\).*", console.heard.notes[-1])
    assert console(f"held {held.number} --json") == Exit.DONE
    assert (console.heard.records[-1]["payload"], console.heard.records[-1]["cut"]) == (None, True)
    assert console("release next answer charged:=1") == Exit.DONE
    assert asked.result() == {"placed": True, "charged": 1}


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("release next answer charged:=1 by=me", {"charged": 1, "by": "me"}),
        ('release next fail --error "card declined" --code declined', ("card declined", "declined")),
        ("release next fail", ("failed by a debugger", None)),
        ("release next", {"pong": True}),
        ("release all", {"pong": True}),
    ],
)
def test_each_way_to_let_go(console: Debugging, shop: Shop, command: str, answer: object) -> None:
    console(f"break {shop.orders} ping")
    asked = shop.ask("ping")
    console.holding()
    assert console(command) == Exit.DONE
    if isinstance(answer, tuple):
        with pytest.raises(RequestFailed) as failed:
            asked.result()
        assert (str(failed.value), failed.value.code) == answer
    else:
        assert asked.result() == answer
    assert bool(shop.handled) == (answer == {"pong": True})


def test_what_is_dropped_is_never_answered(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} ping")
    asked = shop.ask("ping", timeout=1.0)
    console.holding()
    assert console("release next drop") == Exit.DONE
    with pytest.raises(RequestTimeout):
        asked.result()
    assert not shop.handled


def test_a_condition_and_once(console: Debugging, shop: Shop) -> None:
    assert console(f"break {shop.orders} ping payload.id=17 --place answer --once") == Exit.DONE
    assert shop.ask("ping", {"id": 16}).result() == {"pong": True}
    # The answer's own payload is what is looked at there.
    assert shop.ask("ping", {"id": 17}).result() == {"pong": True}
    assert console(f"break {shop.orders} ping payload.id>16 'payload.name~A*' --once") == Exit.DONE
    assert shop.ask("ping", {"id": 17, "name": "Bob"}).result() == {"pong": True}
    asked = shop.ask("ping", {"id": 17, "name": "Ann"})
    (held,) = console.holding()
    assert shop.ask("ping", {"id": 18, "name": "Ann"}).result() == {"pong": True}
    eventually(lambda: len(console.keeper.desk.settings) == 1, what="the rule for one message is gone")
    assert not asked.done
    assert console(f"release H{held.number}") == Exit.DONE
    asked.result()


@pytest.mark.parametrize(
    "condition", ['payload.o={"tags":["a",null]}', """'payload.o={"tags": ["a", null]}'""", 'payload.o.tags[0]~"*a"']
)
def test_a_value_may_be_whatever_json_has(console: Debugging, shop: Shop, condition: str) -> None:
    assert console(f"break {shop.orders} ping {condition}") == Exit.DONE
    assert shop.ask("ping", {"o": '{"tags":["a",null]}'}).result() == {"pong": True}
    asked = shop.ask("ping", {"o": {"tags": ["a", None]}})
    console.holding()
    assert console("release next") == Exit.DONE
    asked.result()


@pytest.mark.parametrize(
    "condition",
    [
        'payload."card.no"=4',
        "'payload[\"card.no\"]=4'",
        'payload["card.no"]=4',
        r"payload.card\.no=4",
        'payload."card.no"="4" payload.note="a b"',
        '--where payload."card.no"=4',
        """--where='payload."card.no"=4 payload.note="a b"'""",
        """payload."card.no"=4 payload.note='a b'""",
        r"payload.card\.no=4 payload.note~'* b'",
    ],
)
def test_a_name_with_a_dot_in_it_is_one_name(console: Debugging, shop: Shop, condition: str) -> None:
    assert console(f"break {shop.orders} ping {condition}") == Exit.DONE
    number = "4" if '"4"' in condition else 4
    assert shop.ask("ping", {"card": {"no": number}, "note": "a b"}).result() == {"pong": True}
    asked = shop.ask("ping", {"card.no": number, "note": "a b"})
    console.holding()
    assert console("release next") == Exit.DONE
    asked.result()


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ('break {orders} ping payload."card.no">=3', ">=3"),
        ('break {orders} ping payload."card.no"x=1', "x=1"),
        ('break {orders} ping payload.items[*].no="1"', '*].no="1"'),
        ('break {orders} ping payload."a".b>true', "true"),
    ],
)
def test_what_is_wrong_in_a_condition_is_pointed_at(console: Debugging, shop: Shop, line: str, place: str) -> None:
    line = line.format(orders=shop.orders)
    assert console(line) == Exit.USAGE
    assert line[console.heard.mistakes[-1].position :] == place


def test_one_like_an_exchange(console: Debugging, shop: Shop) -> None:
    shop.ask("ping").result()
    journal = console.session.journal
    eventually(lambda: any(one.action == "ping" for one in journal.exchanges))
    number = next(one.number for one in journal.exchanges if one.action == "ping")
    assert console(f"break #{number}") == Exit.DONE
    asked = shop.ask("ping")
    console.holding()
    console("release all")
    asked.result()


def test_rules_are_listed_with_their_hits_and_taken_away(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} ping")
    console(f"break {shop.payment} charge --from nobody --skip 2 --hold 5s")
    asked = shop.ask("ping")
    console.holding()
    console.heard.lines.clear()
    assert console("breaks") == Exit.DONE
    first, second = console.heard.lines[1:]
    assert first.split()[:2] == ["[1]", shop.orders]
    assert " 1  you" in first
    assert "(from nobody, after the first 2, for 5 s at most)" in second
    assert console("breaks --json") == Exit.DONE
    assert [one["hits"] for one in console.heard.records] == [1, 0]
    assert console("unbreak 1") == Exit.DONE
    # What it holds stays held.
    assert [one["number"] for one in console.heard.records] == [1, 2]
    assert len(console.held()) == 1
    assert shop.ask("ping").result() == {"pong": True}
    assert console(f"unbreak {shop.payment}") == Exit.DONE
    console("release all")
    asked.result()
    assert console("unbreak") == Exit.DONE
    assert console.heard.notes[-1] == "no rule of ours stands"


def test_off_lifts_all_and_lets_all_go(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders}")
    console(f"suspend {shop.payment}")
    several = [shop.ask("ping", {"n": n}) for n in range(3)]
    console.holding(3)
    assert console("off") == Exit.DONE
    assert console.heard.notes[-1] == "off: 1 rule taken away, 3 held messages let go, 1 service resumed"
    assert [one.result() for one in several] == [{"pong": True}] * 3
    assert shop.ask().result() == {"placed": True, "charged": 1}


def test_off_ends_a_step_and_counts_no_rule_of_one(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} place --once")
    asked = shop.ask()
    console.holding()
    console(f"fault {shop.payment} charge delay 60s")
    console("step over")
    stepper = under_way(console.session).stepper
    assert stepper is not None
    assert stepper.awaited
    eventually(lambda: len([one for one in console.keeper.desk.settings.values() if not one.group]) == 1)
    console("off")
    assert console.heard.notes[-1] == "off: 1 rule taken away, 0 held messages let go"
    assert (stepper.awaited, stepper.at) == ("", None)
    assert asked.result() == {"placed": True, "charged": 1}


@pytest.mark.parametrize(
    ("how", "least", "most"),
    [
        ("break {orders} ping", 30, 300),
        ("break {orders} ping --once --hold 40", 30, 40),
        ("break {orders} ping --before-timeout", 30, 300),
        ("suspend {orders}", 300, 3600),
    ],
)
def test_for_how_long_it_is_held_is_known_whatever_holds_it(
    console: Debugging, shop: Shop, how: str, least: float, most: float
) -> None:
    console(how.format(orders=shop.orders))
    asked = shop.ask("ping")
    console.holding()
    eventually(
        lambda: not any(one.rule.once for one in console.keeper.desk.settings.values()), what="its rule is spent"
    )
    console.heard.records.clear()
    assert console("held --json") == Exit.DONE
    (told,) = console.heard.records
    assert least < told["left_s"] <= most
    console("off")
    asked.result()


def test_what_a_step_holds_is_held_for_a_time_and_so_is_what_ends_before_its_time(
    console: Debugging, shop: Shop, redis_url: str
) -> None:
    console(f"break {shop.orders} place --once")
    asked = shop.ask()
    console.holding()
    console("step into")
    (held,) = console.holding(where=lambda one: one.first.service == shop.payment)
    assert held.until is not None
    console("off")
    asked.result()
    console(f"break {shop.orders} ping --before-timeout")
    with redis.Redis.from_url(redis_url) as client:
        # As 0.0.31 does, which says nothing of its 5 s.
        client.publish(shop.orders, json.dumps({"action": "ping", "payload": {}, "request_id": "r1", "service": "old"}))
    (held,) = console.holding()
    assert held.until is not None
    assert held.until - held.first.since < 5


# What cannot be -----------------------------------------------------------------------------------------------------


def test_a_service_that_does_not_allow_it_says_which_switch_does(console: Debugging, shop: Shop) -> None:
    shop.start(shop.audit, Daebus(__name__))
    assert console(f"break {shop.audit} anything") == Exit.ERROR
    assert console.heard.errors == [
        f"'{shop.audit}' may not be debugged (forbidden): start it with Daebus(debugger=True),"
        " or DAEBUS_DEBUGGER=1 in its environment"
    ]
    assert console("breaks") == Exit.DONE
    assert console.heard.notes[-1].startswith("no rule stands")


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked so often what is held that nothing is held unseen."""
    monkeypatch.setattr(keeping, "LOOK_EVERY", 0.02)


@pytest.mark.usefixtures("often")
def test_what_goes_on_by_itself_is_told(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} ping --hold 700ms")
    asked = shop.ask("ping")
    console.holding()
    assert asked.result() == {"pong": True}
    told = f"H1 {shop.orders}.ping went on by itself: it is held for 700 ms at most"
    eventually(lambda: console.latest == told, what="it is told")
    assert len(console.news()) == 1


def test_that_a_call_is_given_up_while_it_is_held_is_told(console: Debugging, shop: Shop, redis_url: str) -> None:
    app, orders = Daebus(__name__, debugger=True), shop.orders
    called: list[asyncio.Task[Any]] = []

    @app.action("look")
    async def look() -> dict[str, object]:
        call = AsyncDaebusCaller(orders, redis_url=redis_url).send_request("ping", {})
        called.append(asyncio.ensure_future(call))
        try:
            await called[0]
        except asyncio.CancelledError:
            return {"gave": "up"}
        return {}

    shop.start(shop.audit, app)
    known(console.session, shop.audit)
    console(f"break {shop.audit} ping --place call --once")
    shop.orders = shop.audit
    asked = shop.ask("look")
    console.holding()
    called[0].get_loop().call_soon_threadsafe(called[0].cancel)
    assert asked.result() == {"gave": "up"}
    told = f"H1 {shop.audit} → {orders}.ping is held no more: whoever made the call has given it up"
    eventually(lambda: console.latest == told)


@pytest.mark.usefixtures("often")
def test_above_the_line_what_went_on_is_told_before_what_is_held_now(console: Debugging, shop: Shop) -> None:
    console(f"break {shop.orders} ping --hold 300ms")
    shop.ask("ping").result()
    eventually(lambda: "H1" in console.latest, what="it went on by itself")
    console("unbreak")
    console(f"break {shop.orders} ping")
    asked = shop.ask("ping")
    console.holding()
    Telling(console.prompt.context)._tell()
    assert [step[:4] for step in console.heard.steps] == ["‖ H1", "‖ H2"]
    console("off")
    asked.result()


def test_a_rule_that_is_refused_takes_no_number(console: Debugging, shop: Shop, name: str) -> None:
    shop.start(shop.audit, Daebus(__name__))
    console(f"break {shop.orders} ping")
    for refused in (shop.audit, f"{name}_nobody"):
        assert console(f"break {refused} count") != Exit.DONE
    console(f"break {shop.payment} charge")
    assert sorted(console.keeper.desk.settings) == [1, 2]


def test_a_service_that_is_not_there(console: Debugging, name: str) -> None:
    assert console(f"break zz{name[::-1]} x") == Exit.NOBODY
    assert console.heard.errors == [f"nobody serves 'zz{name[::-1]}'"]


@pytest.mark.parametrize(("verb", "action"), [("break", " ping"), ("suspend", "")])
def test_who_is_meant_by_a_service_that_is_not_there(console: Debugging, shop: Shop, verb: str, action: str) -> None:
    # So a list of what is held names it.
    assert console(f"{verb} {shop.orders}.ping") == Exit.NOBODY
    assert console(f"{verb} {shop.orders[:-1]}") == Exit.NOBODY
    assert [error.partition(" (")[2] for error in console.heard.errors] == [
        f"did you mean {shop.orders}{action}?)",
        f"did you mean {shop.orders}?)",
    ]
    assert (
        f"nobody serves '{shop.orders}.ping' (did you mean {shop.orders}{action}?)"
        in Console(shop.url)(verb, f"{shop.orders}.ping").err
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("break {orders} ping payload.x", None),
        ("break {orders} ping notacondition", "expected a condition on the payload"),
        ("break {orders} ping payload.x>true", "> compares numbers or texts"),
        ("break {orders} ping payload.items[*].id=1", "looks at one place, and * is none"),
        ("break {orders} ping --place nowhere", "there is no place nowhere"),
        ("break {orders} ping --hold 10m", "300 s at most"),
        ("break {orders} ping --where 'x y'", "--where: expected a condition"),
        ("break {orders} ping 'payload.n>=3'", "there is no operator >=: there are !=, =, <, >, ~"),
        ("break {orders} n==3", "there is no operator ==: "),
        ("break {orders} shouted --place event --from web", "a broadcast does not say who sent it"),
        ("fault {orders} shouted drop --place event --from web", "a broadcast does not say who sent it"),
        ("break {orders} ping --where 'payload.n<=3'", "--where: there is no operator <=: "),
        ("fault {orders} ping drop --where 'payload.n>=3'", "--where: there is no operator >=: "),
        ("break #99999999", "there is no exchange"),
        ("release 99", "99 is not held"),
        ("release next sing", "expected one of go, answer, fail, drop"),
        ("release next drop a=1", "no items go with `drop`"),
        ("release next go --code x", "--error and --code go with `fail`"),
        ("release next go --then sideways", "expected into, over, out or run"),
        ("step sideways", "expected into, over, out or run"),
        ("step into", "nothing is held"),
        ("held 3", "3 is not held (any more): nothing is held"),
        ("unbreak 9", "there is no rule 9"),
        ("suspend {orders} zzz", "zzz is no instance"),
    ],
)
def test_bad_input_is_told_and_sets_nothing(console: Debugging, shop: Shop, line: str, told: str | None) -> None:
    status = console(line.format(orders=shop.orders))
    if told is None:
        assert status == Exit.DONE
        return
    assert status == Exit.USAGE
    assert told in console.heard.mistakes[-1].message
    assert not console.keeper.desk.settings
    assert shop.ask("ping").result() == {"pong": True}


def test_read_only_refuses_all_of_it(session: Session, shop: Shop) -> None:
    with prompting(session, read_only=True) as prompt:
        for line in ("break x y", "breaks", "held", "release 1", "step into", "fault x y drop", "suspend x", "off"):
            assert prompt(line) == Exit.USAGE
            assert "--read-only" in prompt.heard.errors[-1]
        assert under_way(session).keeper is None


def test_on_another_machine_the_first_rule_asks(session: Session, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from daebus_console.commands.doing.holding import debugging

    monkeypatch.setattr(debugging, "is_this_machine", lambda _host: False)
    with prompting(session, "no", host_of(session.address.url)) as prompt:
        console = Debugging(session, prompt)
        assert console(f"break {shop.orders} ping") == Exit.USAGE
        assert not console.keeper.desk.settings
        (question,) = prompt.asked.questions
        assert f"works on the messages of {shop.orders} (1 instance)" in question
        assert "held up for 300 s at most" in question
        assert console(f"break {shop.orders} ping") == Exit.DONE
        assert console(f"break {shop.payment} charge") == Exit.DONE
        assert len(prompt.asked.questions) == 2
        under_way(session).close()


def test_only_answers_that_are_errors_are_held(console: Debugging, shop: Shop) -> None:
    app = Daebus(__name__, debugger=True)

    @app.action("halve")
    def halve() -> dict[str, Any]:
        return {"half": 1 / request.payload["of"]}

    shop.start(shop.audit, app)
    known(console.session, shop.audit)
    assert console(f"break {shop.audit} halve payload.error --place answer") == Exit.DONE
    assert Asked(shop.url, shop.audit, "halve", {"of": 1}, 30.0).result() == {"half": 1.0}
    asked = Asked(shop.url, shop.audit, "halve", {"of": 0}, 30.0)
    (held,) = console.holding()
    assert console(f"release {held.number} go error=nothing") == Exit.DONE
    with pytest.raises(RequestFailed, match="nothing"):
        asked.result()
