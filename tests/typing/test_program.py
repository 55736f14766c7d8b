"""The program that is type-checked does what it says."""

from __future__ import annotations

import pytest

from daebus import RequestFailed
from tests.typing.program import app


def test_it_does_what_it_says() -> None:
    with app.test_client() as client:
        assert client.request("plain") == {"ok": True, "stamp": 1}
        assert client.request("get", {"sku": "a", "count": 2}) == [{"sku": "a", "price": "1.10", "kind": "new"}] * 2
        assert client.request("find", {"sku": "a"})["price"] == "1.10"
        with pytest.raises(RequestFailed, match="no such item"):
            client.request("find", {"sku": "b"})
        assert list(client.stream("stream", {"n": 2})) == [{"i": 0}, {"i": 1, "stamp": 1}]
        assert client.request("count") == {"i": 1, "stamp": 1}
        assert client.request("later") == {"done": True}
        wrong = client.request("get", {"sku": 1})
        assert wrong["fields"] == [{"path": "sku", "reason": "must be text, not a whole number"}]
        with pytest.raises(RequestFailed, match="unknown action"):
            client.request("nothing")
