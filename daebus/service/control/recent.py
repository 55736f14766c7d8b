"""`recent`: what the flight recorder has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daebus.recorder.recorder import Recorder
from daebus.recorder.records import Wanted, found_in

from . import asking


class Recent:
    """Answers `after`, `id`, `kinds`, `limit` with `records`, `seq`, `lost` and `more`."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __call__(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The records after a number, or without one the newest; what else is in `found_in`."""
        wanted = Wanted(asking.kinds(payload), asking.message_id(payload))
        found = found_in(
            self._recorder.ring, wanted, asking.whole(payload, "after", 0), asking.whole(payload, "limit", 1)
        )
        return {"records": found.records, "seq": found.seq, "lost": found.lost, "more": found.more}
