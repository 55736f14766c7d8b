"""`rules`, `held`, `release` and `suspend`: what a debugger does at the gates of an instance.

Where the service may not be debugged, each is answered `forbidden`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from daebus.errors import DaebusError, PayloadError
from daebus.gates import reading
from daebus.gates.gates import Gates, Gone
from daebus.gates.held import GO, VERDICTS, Held, Verdict
from daebus.gates.leases import LONGEST_LEASE, Lease
from daebus.gates.reading import BadRule
from daebus.gates.rule import DEEDS, DROP, FAIL, REPLY, WAITED_FOR, Met
from daebus.gates.steps import STEPS, step_rules
from daebus.recorder.records import ANSWER
from daebus.wire import checks
from daebus.wire.writing import encode

from .channel import BadAsk

FORBIDDEN = "forbidden"
GONE = "gone"
SHOWN = 8 * 1024
"""Bytes of a payload up to which it stands in the list of what is held."""
_SWITCH = "it may not be debugged: Daebus(debugger=True), run(debugger=True) or DAEBUS_DEBUGGER=1 allow it"


def _allowed(gates: Gates | None) -> Gates:
    if gates is None:
        raise BadAsk(_SWITCH, FORBIDDEN)
    return gates


def _owner(payload: Mapping[str, Any]) -> str:
    value = payload.get("owner")
    if not isinstance(value, str) or not value or len(value) > 100:
        raise BadAsk(f"`owner` must be a text of at most 100 characters, not {checks.shown(value)}")
    return value


def _lease(payload: Mapping[str, Any]) -> float:
    """Seconds; 0 ends it."""
    value = payload.get("lease")
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise BadAsk(f"`lease` must be a number of seconds, at least 0, not {checks.shown(value)}")
    return min(value, LONGEST_LEASE)


def _told(lease: Lease) -> dict[str, Any]:
    return lease.told(time.monotonic())


class SetRules:
    """`rules`: an owner's rules in the place of those that it had; without `rules` its lease is renewed."""

    def __init__(self, gates: Gates | None) -> None:
        self._gates = gates

    def __call__(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Answers with `owner`, `lease` (s), `rules` as they stand, and how many are `held` by them.

        A `lease` of 0 ends it: the rules are gone, and all that is held by them goes on (`released`).
        """
        gates = _allowed(self._gates)
        owner, seconds = _owner(payload), _lease(payload)
        try:
            rules = reading.read_rules(payload["rules"]) if payload.get("rules") is not None else None
            if seconds == 0:
                return {"owner": owner, "lease": 0, "rules": [], "released": gates.end_lease(owner, False), "held": 0}
            lease = gates.set_rules(owner, seconds, rules)
        except DaebusError as error:
            raise BadAsk(str(error)) from None
        held = sum(each.owner == owner for each, _until in gates.held())
        return {**_told(lease), "lease": seconds, "held": held, "passed": gates.passed}


class TellHeld:
    """`held`: what is held, by whose rules, and whose leases there are."""

    def __init__(self, gates: Gates | None) -> None:
        self._gates = gates

    def __call__(self, payload: Mapping[str, Any]) -> dict[str, Any] | None:
        """Answers with `held`, the oldest first, `count`, `bytes`, `passed`, `rules` (leases), `suspended` and `more`.

        A lease whose rules have no room in it is told without them, and with `cut`.

        With `hold` it answers with that one alone, and its whole payload where this fits into an answer.
        """
        gates = _allowed(self._gates)
        wanted = payload.get("hold")
        now = time.monotonic()
        if wanted is not None:
            if not isinstance(wanted, str):
                raise BadAsk(f"`hold` must be the id of something held, not {checks.shown(wanted)}")
            found = [(held, until) for held, until in gates.held() if held.id == wanted]
            if not found:
                raise BadAsk("it has gone on already", GONE)
            return {"held": [_shown(*found[0], now, ANSWER - 10_000)]}
        all_held = gates.held()
        leases = [_told(lease) for lease in gates.leases() if not lease.suspends]
        suspended = [_told(lease) for lease in gates.leases() if lease.suspends]
        told: dict[str, Any] = {"count": len(all_held), "bytes": gates.bytes, "passed": gates.passed}
        left = ANSWER - 2000 - _size(suspended)
        told["rules"] = _cut(leases, left // 2)
        left -= _size(told["rules"])
        several = _fitting([_shown(held, until, now, SHOWN) for held, until in all_held], left)
        more = len(several) < len(all_held) or any("cut" in lease for lease in told["rules"])
        return {"held": several, **told, "suspended": suspended, "more": more}


def _shown(held: Held, until: float, now: float, most: int) -> dict[str, Any]:
    """What is said of one, with its payload where this is not too large."""
    told = held.told(now, until)
    if held.met.size <= most:
        try:
            read = held.met.payload()
            if len(encode(read)) <= most:
                return {**told, "payload": read}
        except PayloadError:
            pass
    return {**told, "cut": True}


def _size(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":")))


def _fitting(several: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """As many of them as fit into so many bytes."""
    used = 0
    for number, each in enumerate(several):
        used += _size(each) + 1
        if used > most:
            return several[:number]
    return several


def _cut(leases: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """All leases, without the rules of those that do not fit into so many bytes: `cut` stands in their place."""
    short = [{"owner": lease["owner"], "lease": lease["lease"], "cut": True} for lease in leases]
    left = most - _size(short)
    told = []
    for lease, instead in zip(leases, short, strict=True):
        more = _size(lease) - _size(instead)
        fits = more <= left
        told.append(lease if fits else instead)
        left -= more if fits else 0
    return told


class Release:
    """`release`: one message goes on, as it is or with another payload, or is answered, failed or dropped."""

    def __init__(self, gates: Gates | None, instance: str) -> None:
        self._gates = gates
        self._instance = instance

    def __call__(self, payload: Mapping[str, Any]) -> dict[str, Any] | None:
        """Answers with the `hold` that is `released`, and with the `rules` of its step where `then` names one.

        Without `hold` it is what has been held for longest; with `all` it is all, of one `owner` or of everybody, and
        the answer has how many (`released`). What is not held any more is answered `gone`.
        """
        gates = _allowed(self._gates)
        try:
            if payload.get("all") is True:
                if payload.get("verdict", GO) != GO:
                    raise BadRule(f"`all` go on, and nothing else: `verdict` is {checks.shown(payload['verdict'])}")
                owner = None if payload.get("owner") is None else _owner(payload)
                return {"released": gates.release_all(owner)}
            return self._release(gates, payload)
        except BadRule as error:
            raise BadAsk(str(error)) from None
        except Gone as error:
            raise BadAsk(str(error), GONE) from None

    def _release(self, gates: Gates, payload: Mapping[str, Any]) -> dict[str, Any] | None:
        hold = payload.get("hold")
        if hold is not None and not isinstance(hold, str):
            raise BadAsk(f"`hold` must be the id of something held, not {checks.shown(hold)}")
        instance = (hold or "").rpartition(":")[0]
        if instance and instance != self._instance and payload.get("instance") is None:
            # Another one has it.
            return None
        found = gates.find(hold)
        if found is None:
            raise Gone("nothing is held" if hold is None else "it has gone on already")
        verdict = _verdict(payload, found.met)
        then = payload.get("then")
        if then is not None:
            reading.read_choice(then, "then", STEPS)
        by = None if payload.get("owner") is None else _owner(payload)
        steps = [] if then is None else step_rules(found.met, then)
        held = gates.release(found.id, verdict, by, None if then is None else reading.read_rules(steps))
        told = {**held.told(time.monotonic(), time.monotonic()), "released": 1, "verdict": verdict.kind}
        del told["left"], told["ends"]
        return told if then is None else {**told, "then": then, "rules": steps}


def _verdict(payload: Mapping[str, Any], met: Met) -> Verdict:
    able = [kind for kind in VERDICTS if kind == GO or kind in DEEDS[met.place]]
    what = f"verdict` at the place `{met.place}"
    if met.one_way:
        able = [kind for kind in able if kind not in WAITED_FOR]
        what += "` of a one-way message, for the answer of which nobody waits: `verdict"
    kind = reading.read_choice(payload.get("verdict", GO), what, able)
    given = payload.get("payload")
    if kind == FAIL:
        code, error = reading.read_failure(payload.get("fail", given))
        return Verdict(kind, code=code, error=error)
    if kind == DROP:
        return Verdict(kind)
    if kind == REPLY and given is None:
        raise BadRule("`payload` must be what to answer")
    if given is None:
        return Verdict(kind)
    return Verdict(kind, reading.read_payload(given, "payload"), edited=kind == GO)


class Suspend:
    """`suspend`: the instance takes nothing more to handle, all of it is held."""

    def __init__(self, gates: Gates | None) -> None:
        self._gates = gates

    def __call__(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Answers with `owner`, `lease` (s) and `on`. With `on` false all that is held by it goes on (`released`)."""
        gates = _allowed(self._gates)
        owner, on = _owner(payload), payload.get("on", True)
        if not isinstance(on, bool):
            raise BadAsk(f"`on` must be true or false, not {checks.shown(on)}")
        seconds = _lease(payload) if on else 0.0
        if seconds == 0:
            return {"owner": owner, "lease": 0, "on": False, "released": gates.end_lease(owner, True)}
        try:
            return {**_told(gates.suspend(owner, seconds)), "on": True}
        except DaebusError as error:
            raise BadAsk(str(error)) from None
