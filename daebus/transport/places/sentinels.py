"""Redis Sentinel: who is the master, as the sentinels say, and that it still is."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from daebus.errors import PermissionDenied, RedisUnavailable
from daebus.transport.address import RedisAddress, refusal
from daebus.transport.proof import Greeting
from daebus.wire.resp import ErrorReply, pack

from .links import Links, Told
from .lookout import SETTLES_WITHIN, Lookout
from .route import Place, Route

ASK_WITHIN = 0.5
"""Seconds that a sentinel may take for an answer."""
OF_SENTINEL = "the sentinel at "
"""How what a sentinel has refused begins: the user and password of the servers are none of it."""
_LOGIN = "what lets one in there stands in the query of the URL: ?sentinel_username=USER&sentinel_password=PASSWORD"


class Master(NamedTuple):
    """What a sentinel says of the master: where it is, since which `epoch` of its configuration, for how long so."""

    place: Place
    epoch: int
    seconds: float


def master_told(reply: Any) -> Master | None:
    """What the reply to SENTINEL MASTER says; None where it is none."""
    if not isinstance(reply, list):
        return None
    told = {bytes(name): value for name, value in zip(reply[::2], reply[1::2], strict=False)}
    try:
        place = Place(told[b"ip"].decode(), int(told[b"port"]))
        return Master(place, int(told.get(b"config-epoch", 0)), int(told.get(b"role-reported-time", 0)) / 1000)
    except (KeyError, ValueError, AttributeError):
        return None


class SentinelLookout(Lookout):
    """The master of that name. Of what the sentinels say the newest counts, by its epoch."""

    def __init__(self, where: str, route: Route) -> None:
        super().__init__(where, Links(lambda place: RedisAddress(route.sentinel(place)), "lookout"))
        self._route = route
        self._question = pack(b"SENTINEL", b"MASTER", route.master.encode())
        self._master: Master | None = None
        self._told_at = 0.0
        """When a sentinel last said what is held to be so."""
        self.heard_at = 0.0
        """When one last said anything of the master (a time of `time.monotonic()`)."""
        self._problem: RedisUnavailable | None = None

    def candidates(self) -> list[tuple[Place, RedisAddress]]:
        """See `Lookout`: the master alone, asked anew."""
        self.look()
        master = self._master
        if master is None:
            raise self._problem or RedisUnavailable(f"no sentinel of {self.where} answers")
        return [(master.place, RedisAddress(self._route.node(master.place)))]

    def misfit(self, greeting: Greeting) -> str | None:
        """See `Lookout`: a replica is no master, or not yet."""
        return "it is announced as the master and is a replica still" if greeting.role == "replica" else None

    def look(self) -> None:
        """See `Lookout`."""
        told = self.links.ask(self._route.seeds, self._question, 1, ASK_WITHIN, patient=self._master is None)
        found = [master for reply in told.values() if (master := _master_in(reply)) is not None]
        if not found:
            self._problem = self._why_none(told)
            return
        newest = max(found, key=lambda one: one.epoch)
        known, now = self._master, time.monotonic()
        self.heard_at = now
        if known is not None and newest.epoch < known.epoch and self._may_lag(len(found), now):
            return
        if known is None or known.place != newest.place:
            self.changed_at = now - (newest.seconds if known is None else 0.0)
        self._master, self._told_at = newest, now

    def _may_lag(self, count: int, now: float) -> bool:
        """Whether so many sentinels, which tell of an older epoch than is known, may not have heard of the newer one.

        They are told by the one that made the switch, and it need not be among those that answered.
        """
        cut_off = 2 * count <= len(self._route.seeds)
        return cut_off or (count < len(self._route.seeds) and now - self._told_at < SETTLES_WITHIN)

    def _why_none(self, told: Told) -> RedisUnavailable:
        reasons: list[str] = []
        for place, reply in told.items():
            error: RedisUnavailable
            if isinstance(reply, RedisUnavailable):
                error = reply
            elif isinstance(reply[0], ErrorReply):
                error = refusal(reply[0], self._where(place), f"asking for the master {self._route.master!r}")
                if not isinstance(error, PermissionDenied):
                    error = RedisUnavailable(f"{OF_SENTINEL}{place} says: {reply[0]}")
            else:
                continue
            if isinstance(error, PermissionDenied):
                return self._denied(place, error)
            reasons.append(str(error))
        why = reasons[0] if reasons else "no answer"
        return RedisUnavailable(f"cannot find the master {self._route.master!r} of {self.where}: {why}")

    def _where(self, place: Place) -> str:
        return str(RedisAddress(self._route.sentinel(place)))

    def _denied(self, place: Place, error: PermissionDenied) -> PermissionDenied:
        """What a sentinel does not allow, said to be of one."""
        text = str(error).removeprefix(f"Redis at {self._where(place)} ")
        hint = "" if "NOPERM" in text else f" ({_LOGIN})"
        return PermissionDenied(f"{OF_SENTINEL}{place} {text}{hint}", error.code)

    def wrong_with(self, place: Place) -> str | None:
        """See `Lookout`."""
        master = self._master
        if master is None or master.place == place:
            return None
        return f"it is not the master of {self._route.master!r} any more; {master.place} is"

    @property
    def settles_at(self) -> float:
        """Until when somebody who was at the master before may not have come yet."""
        return self.changed_at + SETTLES_WITHIN


def _master_in(reply: list[Any] | RedisUnavailable) -> Master | None:
    return None if isinstance(reply, RedisUnavailable) else master_told(reply[0])
