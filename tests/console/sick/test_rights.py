"""Each right missing by itself, for each verb: what can be shown is shown, and one line names the missing rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from daebus_console.commands.context import Exit
from daebus_console.engine.capture.writer import CaptureWriter
from tests.console.sick.conftest import SERVICE, Bus, carry_out

ALL = ("+@all", "~*", "&*")
TABLE = {
    # What is missing: the rules of the user, and the rule that is named.
    "psubscribe": (("-psubscribe",), "+psubscribe"),
    "subscribe": (("-subscribe",), "+subscribe"),
    "both": (("-psubscribe", "-subscribe"), "+psubscribe"),
    "pubsub": (("-pubsub",), "+pubsub|channels"),
    "channels": (("-pubsub|channels",), "+pubsub|channels"),
    "numsub": (("-pubsub|numsub",), "+pubsub|numsub"),
    "numpat": (("-pubsub|numpat",), "+pubsub|numpat"),
    "publish": (("-publish",), "+publish"),
    "the pattern *": (("resetchannels", "&loyalty*", "&daebus.*", "&caller:*", "&news"), "&*"),
    "control channels": (("resetchannels", "&loyalty*", "&caller:*", "&news"), "&*"),
    "reply channels": (("resetchannels", "&loyalty*", "&daebus.*", "&news"), "&caller:*"),
    "the service's channel": (("resetchannels", "&caller:*", "&daebus.*", "&news"), f"&{SERVICE}"),
    "client": (("-client",), None),
    "ping": (("-ping",), None),
    "info and config": (("-info", "-config"), None),
    "unsubscribe": (("-unsubscribe", "-punsubscribe"), None),
}
BLIND = {"psubscribe", "both", "the pattern *", "control channels", "reply channels", "the service's channel"}
ASKED = {"client", "ping", "info and config", "unsubscribe", "subscribe", "numsub", "numpat", "the pattern *"}
"""Where services can be asked what they have, and heard."""
UNASKED = {"pubsub", "channels", "publish"}
"""Where nobody is asked, and nothing else is missing."""
LACKS = r"missing rule (.*) \(ACL SETUSER looker "


@pytest.fixture(params=TABLE)
def missing(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(bus: Bus, missing: str) -> str:
    return bus.user("looker", *ALL, *TABLE[missing][0])


def test_services_lists_all_it_can(url: str, missing: str) -> None:
    said = carry_out(url, "services")
    unseen = missing in ("pubsub", "channels")
    assert said.status == (Exit.NO_REDIS if unseen else Exit.DONE)
    assert unseen or SERVICE in said.shown
    told = re.findall(LACKS, said.words)
    if missing in ASKED:
        assert "Give back what was sent." in said.shown, "it was asked what it has"
    if missing in ("subscribe", "client", "ping", "info and config", "unsubscribe"):
        assert told == []
    elif missing in BLIND:
        assert "+psubscribe" in told or "&*" in told
    else:
        assert TABLE[missing][1] in " ".join(told).split()
    assert len(told) <= 1 or missing == "control channels", "one line"


@pytest.mark.parametrize("line", ["send loyalty echo n:=1", "broadcast news n:=1", "request loyalty echo n:=1"])
def test_what_may_be_sent_is_sent(url: str, missing: str, line: str) -> None:
    said = carry_out(url, line)
    verb = line.split()[0]
    forbidden = {
        "send": {"publish", "the service's channel"},
        "broadcast": {"publish"},
        "request": {"publish", "subscribe", "both", "reply channels", "the service's channel"},
    }
    if missing not in forbidden[verb]:
        assert said.status == Exit.DONE, said.words
        return
    assert said.status == Exit.NO_REDIS
    rule = "+subscribe" if missing == "both" else TABLE[missing][1]
    assert re.findall(LACKS, said.words) == [rule]
    assert len(said.heard.errors) == 1
    assert "geheim" not in said.words


def seeing(missing: str) -> set[Exit]:
    """How verbs that look may end: where nothing is seen a script is to know, and names take a moment to be found."""
    return {"both": {Exit.NO_REDIS}, "reply channels": {Exit.DONE, Exit.NO_REDIS}}.get(missing, {Exit.DONE})


def test_tail_says_what_it_does_not_see(url: str, missing: str) -> None:
    said = carry_out(url, "tail --for 0.2")
    assert said.status in seeing(missing)
    told = re.findall(LACKS, said.words + said.shown)
    assert len(told) == (missing in BLIND), said.words + said.shown
    assert set(told) <= {"+psubscribe", "&*"}


def test_figures_say_what_they_do_not_see(url: str, missing: str) -> None:
    said = carry_out(url, "stats --for 0.2")
    assert said.status in seeing(missing)
    assert len(re.findall(LACKS, said.words)) == (missing in BLIND), said.words


def test_a_recording_says_what_it_does_not_see_and_whom_it_cannot_ask(url: str, missing: str, tmp_path: Path) -> None:
    said = carry_out(url, f"record {tmp_path / 'all.jsonl'} --for 0.2")
    assert said.status in seeing(missing)
    told = re.findall(LACKS, said.words)
    assert len(told) == len(set(told)), "each once"
    assert (missing in BLIND) <= len(told) <= 2 * (missing in BLIND | UNASKED), said.words


ASKING = {"publish", "subscribe", "both", "reply channels", "the service's channel"}
"""What has to be there to ask a service."""


@pytest.mark.parametrize("line", ["bench loyalty echo n:=1 -n 2", "replay CAPTURE"])
def test_verbs_that_ask_many_times_name_what_is_missing(url: str, missing: str, line: str, tmp_path: Path) -> None:
    capture = tmp_path / "asked.jsonl"
    with CaptureWriter(capture, "", 0.0) as writer:
        writer.write(1.0, SERVICE, b'{"action":"echo","payload":{"n":1},"request_id":"r","reply_to":"caller:x"}')
    said = carry_out(url, line.replace("CAPTURE", str(capture)))
    if missing in ASKING:
        assert said.status in (Exit.NO_REDIS, Exit.ERROR)
        assert ("+subscribe" if missing == "both" else TABLE[missing][1]) in said.words + said.shown
    else:
        assert said.status == Exit.DONE, said.words
    assert "geheim" not in said.words + said.shown


def test_a_stand_in_that_may_not_listen_says_so(bus: Bus) -> None:
    for rules, rule in (("-subscribe",), "+subscribe"), (("resetchannels", "&caller:*", "&daebus.*"), "&nobody_there"):
        said = carry_out(bus.user("looker", *ALL, *rules), "mock nobody_there ask n:=1 --times 1")
        assert said.status == Exit.NO_REDIS, said.words
        assert rule in re.findall(LACKS, said.words)


def test_what_discovery_cannot_list_is_known_from_the_traffic(bus: Bus) -> None:
    url = bus.user("looker", *ALL, "-pubsub|channels")

    def ask(session: object) -> None:
        carry_out(bus.server.url, "send loyalty echo n:=1")

    said = carry_out(url, "services --for 2.5", meanwhile=ask)
    assert said.status == Exit.NO_REDIS
    assert SERVICE in said.shown
    assert said.heard.errors[0].startswith("cannot list channels")


def test_where_subscribers_may_not_be_counted_they_are_not_made_up(bus: Bus) -> None:
    url = bus.user("looker", *ALL, "-pubsub|numsub")
    assert carry_out(url, "services --json").heard.records[0]["subscribers"] is None
