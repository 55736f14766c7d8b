"""Nothing is left behind by losses: no thread, no socket, no pending entry, no second subscription."""

from __future__ import annotations

import pytest

from daebus import DaebusError
from tests.support.faulty import Patient, patient, resources
from tests.support.waiting import eventually

pytestmark = pytest.mark.fault

CYCLES = 100


def _break(one: Patient, cycle: int) -> None:
    """Every kind of loss in turn; a call is under way at each."""
    one.begin("block", timeout=30)
    eventually(lambda: one.echo.calls == cycle + 1)
    if cycle % 2:
        one.server.kill()
        one.server.start()
    else:
        with one.server.client() as client:
            for kind in ("pubsub", "normal"):
                client.execute_command("CLIENT", "KILL", "TYPE", kind)


def test_a_hundred_losses_leave_nothing_behind() -> None:
    with patient() as one:
        one.echo.gate.clear()
        before = resources()
        for cycle in range(CYCLES):
            _break(one, cycle)
            one.end(within=10)
            assert isinstance(one.outcome, tuple)
            assert isinstance(one.outcome[0], DaebusError)
            one.echo.gate.set()
            one.recovered()
            one.echo.gate.clear()
        eventually(lambda: all(now <= then for now, then in zip(resources(), before, strict=True)), what=str(before))
        assert one.caller._requester.pending == 0
        service = one.echo.app._service
        assert service is not None
        eventually(lambda: (service._workers.busy, service._workers.queued) == (0, 0))
        assert one.echo.calls == CYCLES
