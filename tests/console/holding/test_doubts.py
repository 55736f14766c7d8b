"""What is said of a rule that can meet nothing, as it is set."""

from __future__ import annotations

import subprocess
import sys

import pytest

from daebus import Daebus
from daebus_console.commands.context import Exit
from tests.console.holding.conftest import Debugging, Shop, known
from tests.support.waiting import eventually


@pytest.mark.parametrize(
    ("line", "doubt"),
    [
        ("break {orders} plce", "{orders} has no action plce (did you mean place?): as yet the rule meets nothing"),
        ("break {orders} refund --place answer", "{orders} has no action refund: as yet the rule meets nothing"),
        ("fault {orders} x* drop", "{orders} has no action x*: as yet the rule meets nothing"),
        ("break {orders} pl*", None),
        ("break {orders}", None),
        ("break {orders} anything --place call", None),
        ("break {audit} anything.else --place call", None),
        (
            "break {audit} {orders}.place --place call",
            "no service has an action {orders}.place (did you mean place?): as yet the rule meets nothing",
        ),
        ("break {audit} {placed}", "{audit} has no action {placed}: as yet the rule meets nothing"),
        (
            "break {audit} {placed}s --place event",
            "{audit} does not listen to {placed}s (did you mean {placed}?): as yet the rule meets nothing",
        ),
        ("break {audit} {placed} --place event", None),
        (
            "break {orders} charge --place call --from web",
            "the calls that {orders} makes are from {orders} itself: the rule meets nothing",
        ),
        ("break {orders} charge --place call --from {orders}", None),
        ("break {orders} place --from web", None),
    ],
)
def test_a_rule_for_what_its_service_does_not_have_says_so(
    console: Debugging, shop: Shop, line: str, doubt: str | None
) -> None:
    audit = Daebus(__name__, debugger=True)
    audit.listen(shop.placed)(lambda _payload: None)
    shop.start(shop.audit, audit)
    known(console.session, shop.audit)
    names = {"orders": shop.orders, "audit": shop.audit, "placed": shop.placed}
    console.heard.notes.clear()
    assert console(line.format(**names)) == Exit.DONE
    told, *more = console.heard.notes
    assert told.startswith("[1] ")
    assert more == ([] if doubt is None else [doubt.format(**names)])


@pytest.mark.parametrize(
    ("line", "doubt"),
    [
        ("break {} plce --for 1s", "{} has no action plce (did you mean place?): as yet the rule meets nothing"),
        ("fault {} plce drop --for 1s", "{} has no action plce (did you mean place?): as yet the rule meets nothing"),
        ("break {} nowhere --place event --for 1s", "{} does not listen to nowhere: as yet the rule meets nothing"),
        (
            "break {0} {0}.place --place call --for 1s",
            "no service has an action {0}.place (did you mean place?): as yet the rule meets nothing",
        ),
        ("break {} place --for 1s", None),
    ],
)
def test_the_shell_which_has_asked_nobody_as_yet_says_so_too(
    shop: Shop, redis_url: str, line: str, doubt: str | None
) -> None:
    arguments = [sys.executable, "-m", "daebus_console", "--redis", redis_url, *line.format(shop.orders).split()]
    done = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True)
    _rule, *more = done.stderr.splitlines()
    assert more == ([] if doubt is None else [doubt.format(shop.orders)]) + [
        "Ctrl-C ends it: what is held then goes on"
    ]


@pytest.mark.parametrize(
    ("condition", "doubt"),
    [
        ("payload.id=17", 'payload.id is a text in the payload seen last, which no number fits: payload.id="17"'),
        ('payload."card.no"[0]>4', 'payload."card.no"[0] is a text in the payload seen last'),
        ('payload.n="17"', "payload.n is a number in the payload seen last, which no text fits: payload.n=17"),
        ('payload.id="17"', None),
        ("payload.n=17", None),
        ("payload.n=Ann", None),
        ("payload.id!=17", None),
        ("payload.vip=1", None),
        ("payload.none=1", None),
        ("payload.id~17", None),
        ("payload.n", None),
    ],
)
def test_a_value_of_another_type_than_was_seen_last_is_told(
    console: Debugging, shop: Shop, condition: str, doubt: str | None
) -> None:
    shop.ask("ping", {"id": "17", "n": 17, "card.no": ["4"], "vip": True}).result()
    entry = console.session.directory.services[shop.orders]
    eventually(lambda: "ping" in entry.actions and entry.actions["ping"].last_seen)
    console.heard.notes.clear()
    assert console(f"break {shop.orders} ping {condition}") == Exit.DONE
    more = console.heard.notes[1:]
    assert [one.startswith(doubt or "") for one in more] == ([] if doubt is None else [True])
