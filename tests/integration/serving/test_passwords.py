"""Passwords in the texts of exceptions: they go to nobody who is answered, and into no record."""

from __future__ import annotations

import json

import pytest

from daebus import Daebus, DaebusCaller, response
from daebus.errors import RequestFailed
from tests.support.framework_services import serving
from tests.support.recorded import Asked

TEXT = (
    "neither redis://ann:geheim@one/0 nor redis+sentinel://two/mymaster?sentinel_username=bob&sentinel_password=geheim"
)
SHOWN = "neither redis://ann:***@one/0 nor redis+sentinel://two/mymaster?sentinel_username=bob&sentinel_password=***"


@pytest.fixture
def app(name: str) -> Daebus:
    app = Daebus(name)

    @app.action("raises")
    def raises() -> None:
        raise LookupError(TEXT)

    @app.action("answers")
    def answers() -> None:
        try:
            raise LookupError(TEXT)
        except LookupError as error:
            response.error(error)

    @app.action("says")
    def says() -> None:
        response.error(TEXT)

    return app


@pytest.mark.parametrize("debug", [False, True])
def test_no_exception_tells_them_to_whoever_asked(app: Daebus, redis_url: str, name: str, debug: bool) -> None:
    with serving(app, redis_url, name, debug=debug), DaebusCaller(name, redis_url=redis_url) as caller:
        for action in ("raises", "answers"):
            with pytest.raises(RequestFailed) as caught:
                caller.send_request(action)
            assert caught.value.message == SHOWN
            assert ("traceback" in caught.value.payload) == debug
            assert "geheim" not in json.dumps(caught.value.payload)
        # What a handler says itself is its own.
        with pytest.raises(RequestFailed) as caught:
            caller.send_request("says")
        assert caught.value.message == TEXT


def test_no_record_has_them(app: Daebus, redis_url: str, name: str) -> None:
    with serving(app, redis_url, name), Asked(redis_url, name) as asked:
        for action in ("raises", "answers", "says"):
            with DaebusCaller(name, redis_url=redis_url) as caller, pytest.raises(RequestFailed):
                caller.send_request(action)
        records = asked.records(3, kinds=["handled"])
    assert [record["error"] for record in records] == [SHOWN] * 3
    assert "geheim" not in json.dumps(records)
