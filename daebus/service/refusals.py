"""Saying what Redis refuses a service, or does not answer to: once when that begins, and once when it is over.

However many it meets.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field

from daebus.errors import RedisRefused, RedisUnavailable
from daebus.logs import note

log = logging.getLogger("daebus")

_PLACES = 1000
_BY_PLACE = "NOPERM"
"""The code of what Redis refuses at one place and does at another; all else it refuses wherever it is asked."""


@dataclass(slots=True)
class _Episode:
    code: str
    """Empty where it was not refused: the server could not be reached."""
    since: float
    count: int = 0
    dropped: int = 0
    places: set[str] = field(default_factory=set)

    def is_of(self, place: str) -> bool:
        """Whether what is refused is refused there."""
        return self.code != _BY_PLACE or place in self.places


class Refusals:
    """What one service is refused just now, by what it was about to do ("claiming requests")."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._episodes: dict[str, _Episode] = {}
        self.lasting = False
        """Whether anything was refused when it was last tried."""

    def may_meet(self, what: str, place: str = "") -> bool:
        """Whether Redis may refuse it there, as it did when it was last tried: worth waiting for what it says."""
        if not self.lasting:
            return False
        with self._lock:
            episode = self._episodes.get(what)
            return episode is not None and episode.is_of(place)

    def met(self, what: str, error: RedisUnavailable, meanwhile: str, place: str = "") -> None:
        """Redis refused it, or does not answer. `meanwhile` says what that means for whoever asks.

        Where it depends on the place (a channel), as rights do, only one of those that were refused tells that it is
        over.
        """
        with self._lock:
            episode = self._episodes.get(what)
            code = error.code if isinstance(error, RedisRefused) else ""
            known = episode is not None and episode.code == code
            if episode is None:
                episode = self._episodes[what] = _Episode(code, time.monotonic())
            episode.code = code
            episode.count += 1
            if len(episode.places) < _PLACES:
                episode.places.add(place)
            self.lasting = True
        if known:
            note(log, logging.DEBUG, "%s: %s", self._name, error)
        else:
            note(log, logging.ERROR, "%s: %s; as long as that lasts, %s", self._name, error, meanwhile)

    def dropped(self, what: str) -> None:
        """For that reason, a message that nobody waits for came to nothing."""
        with self._lock:
            if what in self._episodes:
                self._episodes[what].dropped += 1

    def over(self, what: str, place: str = "") -> None:
        """Redis has done it. Costs little where it had not been refused."""
        if not self.lasting:
            return
        with self._lock:
            episode = self._episodes.get(what)
            if episode is None or not episode.is_of(place):
                return
            del self._episodes[what]
            self.lasting = bool(self._episodes)
        line = "%s: Redis allows %s again after %s" if episode.code else "%s: %s goes on after %s"
        note(log, logging.WARNING, line, self._name, what, _summary(episode))

    def end(self) -> None:
        """The service ends: say how much came to nothing by what was never over."""
        with self._lock:
            episodes, self._episodes = self._episodes, {}
            self.lasting = False
        for what, episode in episodes.items():
            line = f"%s: stopped while Redis {'refused' if episode.code else 'was away for'} %s, for %s"
            note(log, logging.WARNING, line, self._name, what, _summary(episode))


def _summary(episode: _Episode) -> str:
    seconds = time.monotonic() - episode.since
    lost = f"; {episode.dropped} of them for messages that nobody waits for, and that were dropped"
    times = f"refused {episode.count} times" if episode.code else f"{episode.count} times in vain"
    return f"{seconds:.1f} s ({times}{lost if episode.dropped else ''})"
