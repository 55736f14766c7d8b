"""What a console is called by services and by other consoles."""

from __future__ import annotations

import os
import platform

import pytest

from daebus_console.commands.context import Exit
from daebus_console.commands.under_way import under_way
from daebus_console.engine.session import Session
from tests.console.commands.prompt import prompting
from tests.console.holding.conftest import Debugging, Shop


def test_whoever_has_a_long_name_debugs_as_well(session: Session, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "deployment-of-the-warehouse" * 4 + "@corp.example.com")
    monkeypatch.setattr(platform, "node", lambda: "h" * 63)
    with prompting(session) as prompt:
        console = Debugging(session, prompt)
        assert console(f"break {shop.orders} ping") == Exit.DONE
        assert console.keeper.desk.owner.startswith("deployment-of-the-warehouse")
        assert console.keeper.desk.owner.endswith(f"@{'h' * 40}:{os.getpid()}")
        asked = shop.ask("ping")
        console.holding()
        assert console("release all") == Exit.DONE
        assert asked.result() == {"pong": True}
        under_way(session).close()
