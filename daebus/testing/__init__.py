"""Testing services: a bus inside the process, what goes over it, and stand-ins for the services around the one tested.

The handlers run through the same pipeline as on a real Redis: the same workers, contexts, errors and replies. The
fixtures of the pytest plugin (`daebus_pytest`) are made of what is here. Nothing in here knows pytest.
"""

from __future__ import annotations

from daebus.service.importing import importing

from .client import TestClient
from .faults import Fault, FaultFixture, HeldMessage
from .local import LocalBus
from .messages import BusMessage
from .record import MadeCall, RecordedCall
from .recorded import NotOnBus, RecordedBus
from .rerun import RerunResult, rerun, rerun_message
from .run import ServiceFixture, StubFixture, TestRun
from .space import Database, RedisSpace
from .stub import Stub

__all__ = [
    "BusMessage",
    "Database",
    "Fault",
    "FaultFixture",
    "HeldMessage",
    "LocalBus",
    "MadeCall",
    "NotOnBus",
    "RecordedBus",
    "RecordedCall",
    "RedisSpace",
    "RerunResult",
    "ServiceFixture",
    "Stub",
    "StubFixture",
    "TestClient",
    "TestRun",
    "importing",
    "rerun",
    "rerun_message",
]
