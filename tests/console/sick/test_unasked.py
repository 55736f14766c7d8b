"""Who may not ask services is told which right is missing: never that there is nothing, or that a service is silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from daebus import DaebusCaller
from daebus_console.commands.context import Exit
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.sender import Sender
from daebus_console.engine.withheld import why_silent, why_unasked
from daebus_console.tui.acting.wondering import Wondering
from daebus_console.tui.documents.exchange import LOGS, build
from daebus_console.tui.titles.hints import no_services
from tests.console.cli.conftest import Console
from tests.console.sick.conftest import SERVICE, Bus, carry_out, looking
from tests.support.several import is_old
from tests.support.waiting import eventually

ALL = ("+@all", "~*", "&*")
CALLER = ("+subscribe", "+publish", "+ping", "+pubsub|numsub", f"&{SERVICE}", "&caller:*")
"""The caller of docs/acl.md."""
WITHOUT = {
    # What is missing: the rules of the user, and the rule that is named.
    "publish": ((*ALL, "-publish"), "+publish"),
    "control channels": ((*ALL, "resetchannels", "&caller:*", f"&{SERVICE}"), "&daebus.control.*"),
    "listing": ((*ALL, "-pubsub|channels"), "+pubsub|channels"),
    "reply channels": ((*ALL, "resetchannels", "&loyalty", "&daebus.*"), "&*"),
    "all but calling": (CALLER, "+pubsub|channels"),
}
NOTHING = (
    "nothing is held",
    "no rule stands",
    "no fault stands",
    "cannot tell",
    "does not tell",
    "no service",
    "has no actions",
)
HELD = ("held", "held H1", "breaks", "fault", "release all")
LINES = (*HELD, "running", f"running {SERVICE}", "logs", f"logs {SERVICE}", f"describe {SERVICE}")


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("missing", WITHOUT)
def test_what_cannot_be_asked_is_told_with_the_rule(bus: Bus, missing: str, line: str) -> None:
    rules, rule = WITHOUT[missing]
    said = carry_out(bus.user("looker", *rules), line)
    assert said.status == Exit.NO_REDIS, said.words
    assert len(said.heard.errors) == 1
    assert rule in said.heard.errors[0].partition("missing rule ")[2].partition(" (")[0].split()
    assert not [text for text in NOTHING if text in said.words + said.shown]


@pytest.mark.parametrize("line", LINES)
def test_who_may_ask_is_told_that_there_is_nothing(bus: Bus, line: str) -> None:
    said = carry_out(bus.user("looker", *ALL), line)
    assert "missing rule" not in said.words
    assert said.status != Exit.NO_REDIS


def test_a_service_that_may_be_asked_tells_though_another_may_not(bus: Bus) -> None:
    other = bus.serve(name="payment")
    channels = (f"&{SERVICE}", f"&daebus.control.{SERVICE}", "&caller:*")
    url = bus.user("looker", "+@all", "~*", "resetchannels", *channels)
    try:
        said = carry_out(url, f"running {SERVICE}")
        assert (said.status, said.heard.errors) == (Exit.DONE, [])
        said = carry_out(url, "running payment")
        assert said.status == Exit.NO_REDIS
        assert "missing rule" in said.words
        said = carry_out(url, "running")
        assert said.status == Exit.NO_REDIS
        assert SERVICE in said.shown
    finally:
        other.stop(grace=1)


@pytest.mark.skipif(is_old(), reason="Redis 6 has no selectors")
def test_one_that_may_not_be_asked_stays_so_while_others_are_asked(bus: Bus) -> None:
    other = bus.serve(name="payment")
    url = bus.user("looker", *ALL, "resetchannels", "&*", "-publish", f"(+publish &daebus.control.{SERVICE})")
    try:
        with looking(url) as session:
            eventually(lambda: session.status.unasked == {"payment"})
            session.keep_asking({SERVICE})
            heard = session.directory.services[SERVICE].instances
            first = eventually(lambda: max((one.heard for one in heard.values()), default=0.0))
            said: set[str | None] = set()

            def heard_again() -> bool:
                said.add(why_unasked(session, [SERVICE]))
                return max(one.heard for one in heard.values()) > first

            eventually(heard_again)
            assert said == {None}
            assert why_unasked(session, ["payment"]) is not None
            bus.change("looker", "+publish")
            eventually(lambda: why_unasked(session) is None)
            eventually(lambda: session.directory.services["payment"].instances)
    finally:
        other.stop(grace=1)


def test_services_claims_nothing_where_it_cannot_list(bus: Bus) -> None:
    url = bus.user("looker", *ALL, "-pubsub|channels")
    said = carry_out(url, "services")
    assert said.status == Exit.NO_REDIS
    assert said.heard.notes == []
    said = carry_out(url, f"services {SERVICE}")
    assert said.heard.errors[1:] == [f"it is not known whether a service '{SERVICE}' is there"]


def test_on_the_screen_nobody_is_said_not_to_be_there_who_cannot_be_listed(bus: Bus) -> None:
    with looking(bus.user("looker", *ALL, "-pubsub|channels")) as session:
        assert session.wait_for(lambda: session.status.discovery_problem is not None, 10)
        shown = " ".join(text for line in no_services(session, 400) for text, _role in line)
    assert "is not known: cannot list channels: missing rule +pubsub|channels" in shown


def test_on_the_screen_the_logs_say_why_there_are_none(bus: Bus) -> None:
    with looking(bus.user("looker", *ALL, "-publish")) as session, Sender(session) as sender:
        assert session.wait_up(5)
        eventually(lambda: why_unasked(session))
        with DaebusCaller(SERVICE, redis_url=bus.server.url) as caller:
            caller.send_request("echo", {"n": 1})
        found = eventually(lambda: [one for one in session.journal.exchanges if one.target == SERVICE])
        insight = Wondering(session, sender, Redactor(())).insight(found[0])
        document = build(LOGS, found[0], 200, session.clock(), insight=insight)
        lines = [document.line(index, 200) for index in range(document.count())]
    shown = " ".join(text for line in lines for text, _role in line)
    assert "missing rule +publish" in shown
    assert "of another framework" not in shown


MUTE = (*ALL, "-publish")
"""Sees all that passes, and may ask no service for what it tells."""


@pytest.mark.parametrize("line", ["findings --for 0.1", "findings --for 0.1 --json"])
def test_findings_does_not_pass_where_services_cannot_be_asked(bus: Bus, line: str) -> None:
    said = carry_out(
        bus.user("looker", *MUTE), line, meanwhile=lambda session: eventually(lambda: why_unasked(session))
    )
    assert said.status == Exit.NO_REDIS
    (error,) = said.heard.errors
    assert "missing rule +publish" in error
    assert "nothing was found" not in said.words


@pytest.mark.parametrize("line", ["record {}/kept.jsonl --for 0.1", "watch --on-finding error --for 0.1 --keep {}"])
def test_what_is_kept_without_their_records_says_so(bus: Bus, tmp_path: Path, line: str) -> None:
    url = bus.user("looker", *MUTE)
    said = carry_out(url, line.format(tmp_path), meanwhile=lambda session: eventually(lambda: why_unasked(session)))
    assert said.status == Exit.DONE
    assert "missing rule +publish" in said.words


def test_who_asks_nobody_on_purpose_is_told_that_and_no_rule(bus: Bus) -> None:
    with looking(bus.user("looker", *MUTE), passive=True) as session:
        eventually(lambda: why_unasked(session))
        with session.lock:
            assert why_silent(session) is None


NOTHING_SEEN = {
    "no subscribing": (*ALL, "-psubscribe", "-subscribe"),
    "no channel but its own": (*ALL, "resetchannels", "&caller:*"),
    "all but calling": CALLER,
}


@pytest.mark.parametrize("rules", NOTHING_SEEN.values(), ids=NOTHING_SEEN)
def test_findings_of_what_could_not_be_seen_are_no_success(bus: Bus, rules: tuple[str, ...]) -> None:
    said = carry_out(bus.user("looker", *rules), "findings --for 0.5 --fail-on error")
    assert said.status == Exit.NO_REDIS
    assert "no requests and no broadcasts can be seen: missing rule " in said.words
    assert "nothing was found" not in said.words


def test_findings_of_what_is_seen_in_part_are_told(bus: Bus) -> None:
    url = bus.user("looker", *ALL, "resetchannels", "&caller:*", "&daebus.*", f"&{SERVICE}")
    said = carry_out(url, "findings --for 0.5 --fail-on error")
    assert said.status == Exit.DONE
    assert "missing rule &*" in said.words


def test_a_script_is_told_what_is_not_seen(bus: Bus) -> None:
    done = Console(bus.user("looker", *ALL, "-psubscribe"))("repl", stdin="tail --for 0.1\n")
    assert "missing rule +psubscribe" in done.err
