"""Consent, leases, owners and limits: what keeps the gates from doing harm that nobody meant."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest

from daebus import ConfigurationError, Daebus, DaebusCaller, Requester, RequestFailed
from daebus.gates.gates import MOST_HELD
from daebus.service.consent import may_be_held
from tests.support.faulty import side_by_side
from tests.support.framework_services import serving
from tests.support.gates import HOLD, Debugger, Shop, did, final
from tests.support.waiting import eventually

VERBS = ("rules", "held", "release", "suspend")


@pytest.mark.parametrize("verb", VERBS)
def test_a_service_that_may_not_be_debugged_says_which_switch_allows_it(
    redis_url: str, requester: Requester, name: str, verb: str
) -> None:
    with serving(Daebus(name), redis_url, name):
        error = Debugger(requester, name).refused(verb, owner="ann", lease=10, rules=[HOLD])
        assert error.code == "forbidden"
        assert "DAEBUS_DEBUGGER" in str(error)
        info = requester.call(f"daebus.control.{name}", "info")
        assert info["debugger"] is False
        assert set(VERBS) <= set(info["features"])


@pytest.mark.parametrize(
    ("app", "run", "environment", "debug", "allowed"),
    [
        (None, None, None, False, False),
        (True, None, None, False, True),
        (None, True, None, False, True),
        (None, None, "1", False, True),
        (None, None, " Yes ", False, True),
        (None, None, "0", True, False),
        (None, None, "", True, True),
        (None, None, None, True, True),
        (False, None, "1", True, False),
        (True, False, "1", True, False),
        (False, True, "0", False, True),
    ],
)
def test_who_says_that_it_may(
    redis_url: str,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    app: bool | None,
    run: bool | None,
    environment: str | None,
    debug: bool,
    allowed: bool,
) -> None:
    monkeypatch.delenv("DAEBUS_DEBUGGER", raising=False)
    if environment is not None:
        monkeypatch.setenv("DAEBUS_DEBUGGER", environment)
    made = Daebus(name, debugger=app)
    with serving(made, redis_url, name, debug=debug, debugger=run):
        assert made._service is not None
        assert made._service.info()["debugger"] is allowed


def test_a_variable_that_says_neither_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="DAEBUS_DEBUGGER"):
        may_be_held(None, False, {"DAEBUS_DEBUGGER": "maybe"})


def test_when_the_lease_ends_all_goes_on_unchanged_and_once(shop: Shop, requester: Requester, name: str) -> None:
    debugger = Debugger(requester, name, lease=0.6)
    debugger.rules(HOLD)
    calls = [requester.start(name, action, {"n": n}) for n, action in enumerate(("echo", "async") * 5)]
    debugger.held(10)
    assert [call.result() for call in calls] == [{"got": {"n": n}} for n in range(10)]
    assert sorted(payload["n"] for payload in shop.handled) == list(range(10))
    told = debugger.ask("held")
    assert (told["rules"], told["count"], told["bytes"]) == ([], 0, 0)
    assert requester.call(name, "echo", {"after": 1}) == {"got": {"after": 1}}


def test_a_lease_that_is_renewed_lives_on_with_its_rules_or_with_the_same_again(
    shop: Shop, requester: Requester, name: str
) -> None:
    debugger = Debugger(requester, name, lease=1.5)
    once = {**HOLD, "id": "x", "once": True}
    debugger.rules(once)
    call = requester.start(name, "echo", {"n": 1})
    hold = debugger.one()["hold"]
    until = time.monotonic() + 2.5
    while time.monotonic() < until:
        # Often enough for the lease, and not as often as it goes.
        time.sleep(0.05)
        told = debugger.rules(once)
        assert (told["held"], told["rules"][0]["hits"]) == (1, 1)
        assert debugger.ask("rules", owner="ann", lease=1.5)["held"] == 1
    # It was for one message, and does not come to life again.
    assert requester.call(name, "echo", {"n": 2}) == {"got": {"n": 2}}
    debugger.rules({**once, "action": "ech?"})
    again = requester.start(name, "echo", {"n": 3})
    debugger.held(2)
    debugger.release(hold)
    assert call.result() == {"got": {"n": 1}}
    assert again.result() == {"got": {"n": 3}}


def test_a_lease_is_ended_at_once_and_takes_what_it_holds_along(
    shop: Shop, debugger: Debugger, requester: Requester, name: str
) -> None:
    other = Debugger(requester, name, "bob")
    debugger.rules({**HOLD, "action": "echo"})
    other.rules({**HOLD, "action": "async"})
    call, kept = requester.start(name, "echo", {"n": 1}), requester.start(name, "async", {"n": 2})
    assert sorted((held["owner"], held["action"]) for held in debugger.held(2)) == [("ann", "echo"), ("bob", "async")]
    owners = [lease["owner"] for lease in debugger.ask("held")["rules"]]
    assert owners == ["ann", "bob"]
    assert debugger.ask("rules", owner="ann", lease=0)["released"] == 1
    assert call.result() == {"got": {"n": 1}}
    assert other.one()["owner"] == "bob"
    # Rules that are taken back let nothing go by themselves; whoever set them looks at what is held first.
    assert other.rules()["held"] == 1
    other.release()
    assert did(final(kept)) == ["held"]


def test_a_hold_is_over_when_its_rule_says_so(debugger: Debugger, requester: Requester, name: str) -> None:
    debugger.rules({**HOLD, "for": 0.2})
    call = requester.start(name, "echo", {"n": 1})
    assert debugger.one()["left"] <= 0.2
    assert call.result() == {"got": {"n": 1}}


def test_the_first_rule_that_matches_wins_and_each_counts(
    shop: Shop, debugger: Debugger, requester: Requester, name: str
) -> None:
    rules: list[dict[str, Any]] = [
        {"id": "never", "place": "request", "drop": True, "probability": 0},
        {"id": "third", "place": "request", "answer": {"by": "third"}, "skip": 2, "once": True},
        {"id": "some", "place": "request", "action": "echo", "where": [["n", ">", 3]], "answer": {"by": "some"}},
    ]
    debugger.rules(*rules)
    said = [requester.call(name, "echo", {"n": n}) for n in range(6)]
    assert said == [{"got": {"n": 0}}, {"got": {"n": 1}}, {"by": "third"}, {"got": {"n": 3}}, *[{"by": "some"}] * 2]
    told = {rule["id"]: (rule["seen"], rule["hits"]) for rule in debugger.rules(*rules)["rules"]}
    assert told == {"never": (6, 0), "third": (3, 1), "some": (2, 2)}


def test_a_rule_for_so_many_messages_is_over_then_and_stays_so_when_it_is_renewed(
    debugger: Debugger, requester: Requester, name: str
) -> None:
    rule = {"id": "x", "place": "request", "answer": {"by": "rule"}, "times": 3, "skip": 1}
    debugger.rules(rule)
    said = [requester.call(name, "echo", {"n": n}) for n in range(5)]
    assert said == [{"got": {"n": 0}}, *[{"by": "rule"}] * 3, {"got": {"n": 4}}]
    assert debugger.rules(rule)["rules"][0]["hits"] == 3
    assert requester.call(name, "echo", {"n": 5}) == {"got": {"n": 5}}


def test_of_several_releases_exactly_one_wins(shop: Shop, debugger: Debugger, requester: Requester, name: str) -> None:
    debugger.rules(HOLD)
    calls = [requester.start(name, "echo", {"n": n}) for n in range(20)]
    holds = [held["hold"] for held in debugger.held(20)]
    won: Counter[str] = Counter()
    said: set[tuple[str | None, str]] = set()

    def release_all(owner: str) -> None:
        for hold in holds:
            try:
                debugger.ask("release", hold=hold, owner=owner, payload={"by": owner})
                won[hold] += 1
            except RequestFailed as error:
                said.add((error.code, str(error)))

    side_by_side(*(lambda owner=owner: release_all(owner) for owner in ("bob", "cat", "dan")))  # type: ignore[misc]
    assert said == {("gone", "it has gone on already")}
    assert won == Counter(holds)
    assert all(call.result()["got"]["by"] for call in calls)
    assert len(shop.handled) == 20


def test_beyond_its_limits_it_holds_nothing_and_counts_what_goes_through(
    shop: Shop, debugger: Debugger, requester: Requester, name: str, redis_url: str
) -> None:
    debugger.rules(HOLD)
    with DaebusCaller(name, redis_url=redis_url) as caller:
        for n in range(MOST_HELD + 10):
            caller.send_message("echo", {"n": n})
        eventually(lambda: len(shop.handled) == 10)
        told = debugger.ask("held")
        assert (told["count"], told["passed"], told["rules"][0]["rules"][0]["passed"]) == (MOST_HELD, 10, 10)
        # Of a rule that stands on, and not of one that has gone.
        debugger.rules({**HOLD, "action": "other"}, owner="bob")
        assert debugger.rules(HOLD)["passed"] == 10
        assert debugger.rules({**HOLD, "action": "another"})["passed"] == 0
        assert debugger.ask("held")["passed"] == 0
        debugger.ask("release", all=True)
        eventually(lambda: len(shop.handled) == MOST_HELD + 10)
    assert sorted(payload["n"] for payload in shop.handled) == list(range(MOST_HELD + 10))


def test_what_is_told_fits_into_an_answer_and_says_that_there_is_more(
    shop: Shop, debugger: Debugger, requester: Requester, name: str
) -> None:
    debugger.rules(HOLD)
    for size in (7000,) * 60 + (100_000,):
        requester.send(name, "echo", {"text": "x" * size})
    eventually(lambda: debugger.ask("held")["count"] == 61)
    told = debugger.ask("held")
    assert told["more"]
    assert 20 < len(told["held"]) < 61
    instance = told["held"][0]["hold"].partition(":")[0]
    # One by one each is told whole, in whatever order the workers came to them.
    each = [debugger.ask("held", hold=f"{instance}:{number}")["held"][0] for number in range(1, 62)]
    assert sorted(len(one["payload"]["text"]) for one in each) == [7000] * 60 + [100_000]
    assert debugger.ask("release", all=True)["released"] == 61
    eventually(lambda: len(shop.handled) == 61)


def test_rules_that_have_no_room_in_an_answer_hide_no_others(shop: Shop, debugger: Debugger) -> None:
    large = {**HOLD, "id": "large", "where": [["text", "=", "x" * 9000]]}
    small = {**HOLD, "action": "other", "id": "small"}
    debugger.rules(*({**large, "id": f"{number}"} for number in range(20)), owner="ann")
    debugger.rules(small, owner="bob")
    told = debugger.ask("held")
    ann, bob = told["rules"]
    assert (ann["owner"], ann["cut"], "rules" in ann) == ("ann", True, False)
    assert ann["lease"] > 0
    assert (bob["owner"], [rule["id"] for rule in bob["rules"]]) == ("bob", ["small"])
    assert told["more"]
    debugger.rules(large, owner="ann")
    told = debugger.ask("held")
    assert [[rule["id"] for rule in lease["rules"]] for lease in told["rules"]] == [["large"], ["small"]]
    assert not told["more"]


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("rules", {}, "owner"),
    ("rules", {"owner": 5, "lease": 1}, "owner"),
    ("rules", {"owner": "", "lease": 1}, "owner"),
    ("rules", {"owner": "x" * 101, "lease": 1}, "owner"),
    ("rules", {"owner": "ann"}, "lease"),
    ("rules", {"owner": "ann", "lease": "1"}, "lease"),
    ("rules", {"owner": "ann", "lease": -1}, "lease"),
    ("rules", {"owner": "ann", "lease": True}, "lease"),
    ("rules", {"owner": "ann", "lease": 1, "rules": {}}, "rules"),
    ("rules", {"owner": "ann", "lease": 1, "rules": [{"place": "moon"}]}, "place"),
    ("held", {"hold": 5}, "hold"),
    ("release", {"hold": 5}, "hold"),
    ("release", {"verdict": "explode"}, "verdict"),
    ("release", {"verdict": "answer"}, "payload"),
    ("release", {"payload": 5}, "payload"),
    ("release", {"payload": "{}"}, "payload"),
    ("release", {"verdict": "fail", "fail": 5}, "fail"),
    ("release", {"then": "sideways"}, "then"),
    ("release", {"owner": 5}, "owner"),
    ("release", {"all": True, "verdict": "drop"}, "verdict"),
    ("suspend", {"lease": 1}, "owner"),
    ("suspend", {"owner": "ann"}, "lease"),
    ("suspend", {"owner": "ann", "lease": 1, "on": 1}, "on"),
]


def test_what_cannot_be_asked_is_refused_and_changes_nothing(
    shop: Shop, debugger: Debugger, requester: Requester, name: str
) -> None:
    debugger.rules({**HOLD, "id": "mine"})
    call = requester.start(name, "echo", {"n": 1})
    held = debugger.one()
    for verb, payload, word in BAD:
        error = debugger.refused(verb, **payload)
        assert (error.code, word in str(error)) == ("bad_request", True), (verb, payload, str(error))
    assert debugger.one()["hold"] == held["hold"]
    assert [rule["id"] for rule in debugger.ask("held")["rules"][0]["rules"]] == ["mine"]
    for gone in (f"{held['hold']}0", "x", ""):
        assert debugger.refused("release", hold=gone).code == "gone"
        assert debugger.refused("held", hold=gone).code == "gone"
    debugger.release()
    assert call.result() == {"got": {"n": 1}}
    assert debugger.refused("release").code == "gone"


def test_at_an_event_there_is_nobody_to_answer(shop: Shop, debugger: Debugger, requester: Requester, name: str) -> None:
    debugger.rules({"place": "event", "hold": True})
    requester.publish(f"{name}.event", b'{"n":1}')
    hold = debugger.one()["hold"]
    for verdict in ({"verdict": "fail"}, {"verdict": "answer", "payload": {}}):
        assert debugger.refused("release", hold=hold, **verdict).code == "bad_request"
    debugger.release()
    eventually(lambda: shop.heard == [{"n": 1}])
