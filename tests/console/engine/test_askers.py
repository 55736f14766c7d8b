"""Whether whoever asked is there, as the channels tell that are subscribed to."""

from __future__ import annotations

import pytest

from daebus_console.engine.askers import Askers


def test_nobody_is_said_to_have_gone_before_it_is_known() -> None:
    askers = Askers()
    assert not askers.gone("caller:a", 10.0)
    askers.listed(11.0, ["caller:b"])
    # It may have been asked for before that request came.
    assert not askers.gone("caller:a", 10.0)
    askers.listed(12.0, ["caller:b"])
    assert askers.gone("caller:a", 10.0)
    assert not askers.gone("caller:b", 10.0)
    assert not askers.gone("caller:a", 11.5)


def test_whoever_subscribes_again_is_there_again() -> None:
    askers = Askers()
    for now in (11.0, 12.0):
        askers.listed(now, [])
    assert askers.gone("caller:a", 10.0)
    askers.listed(13.0, ["caller:a"])
    assert not askers.gone("caller:a", 10.0)


@pytest.mark.parametrize("channel", [None, "mine"])
def test_a_channel_that_may_be_read_otherwise_says_nothing(channel: str | None) -> None:
    askers = Askers()
    for now in (11.0, 12.0):
        askers.listed(now, [])
    assert not askers.gone(channel, 10.0)
