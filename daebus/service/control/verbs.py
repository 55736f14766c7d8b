"""What can be asked of an instance on its control channel, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from daebus.context import Runtime
from daebus.service.chain.arrival import Arrival
from daebus.service.registry import Registry
from daebus.service.work.crews import Crews

from .channel import Verb
from .debugging import Release, SetRules, Suspend, TellHeld
from .info import Info, queue_of
from .recent import Recent
from .running import Running
from .watch import Watch


def verbs_of(
    runtime: Runtime,
    registry: Registry,
    crews: Crews[Arrival],
    state: Callable[[], Mapping[str, Any]],
    watch: Watch | None,
) -> dict[str, Verb]:
    """All of them. `state()` is what `info` tells that changes; without a recorder there is no `watch`."""
    about = {"service": runtime.name, "instance": runtime.instance}
    info = Info(about, registry, crews, lambda: list(verbs), state)
    verbs: dict[str, Verb] = {"info": info, "running": Running(runtime, partial(queue_of, crews))}
    verbs |= {
        "rules": SetRules(runtime.gates),
        "held": TellHeld(runtime.gates),
        "release": Release(runtime.gates, runtime.instance),
        "suspend": Suspend(runtime.gates),
    }
    if runtime.recorder is not None and watch is not None:
        verbs |= {"recent": Recent(runtime.recorder), "watch": watch}
    return verbs
