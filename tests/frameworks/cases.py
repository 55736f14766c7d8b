"""Which programs of which framework run together, and how what passed is paired by the script that is beside them.

Their folder is no part of this repository. `{port}` is that of a Redis of their own; `{http}`, `{http2}` are free.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Case:
    """One run: `servers` are started in order and go on until the `clients`, one after the other, have ended.

    `folder` has them, and what they need (`requirements.txt`, or `package.json` with `more` packages beside). `ready`
    is what each server prints once it is up, "" where it prints nothing: it is then up when `subscribed` channels or
    patterns are. `pair` is the name under which the script pairs the capture; "" where it cannot.
    """

    name: str
    folder: str
    dialect: str
    clients: tuple[str, ...]
    servers: tuple[str, ...] = ()
    ready: str = ""
    subscribed: int = 0
    pair: str = ""
    node: bool = False
    package: str = ""
    more: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


def _nest(version: str) -> Case:
    return Case(
        f"nest-{version}",
        "nestjs",
        "nest",
        ("node client.mjs {port}",),
        ("node server.mjs {port} a",),
        ready="a up",
        pair="nest",
        node=True,
        package=version,
        environment={"NEST": version},
    )


def _moleculer(serializer: str, *more: str) -> Case:
    return Case(
        f"moleculer-{serializer.lower()}",
        "moleculer",
        "moleculer",
        (f"node node.js {{port}} cli-1 client {serializer}",),
        (f"node node.js {{port}} srv-a server {serializer}", f"node node.js {{port}} txt-1 other {serializer}"),
        ready=" up",
        pair="moleculer" if serializer == "JSON" else "",
        node=True,
        more=more,
        environment={"HOP": "1"},
    )


CASES = (
    Case("faststream", "faststream", "faststream", ("python app.py {port}",), pair="faststream"),
    Case(
        "celery",
        "celery",
        "celery",
        ("python client.py",),
        ("python -m celery -A tasks worker -E -c 2 -P threads -n w1@host",),
        subscribed=2,
        pair="celery",
    ),
    Case(
        "python-socketio",
        "python-socketio",
        "python-socketio",
        ("python client.py {http} {http2} {port}",),
        ("python server.py {port} {http}", "python server.py {port} {http2}"),
        pair="pysocketio",
    ),
    Case("channels", "channels_redis", "channels", ("python layer.py {port}",)),
    Case(
        "rq", "rq", "rq", ("python client.py {port}",), ("rq worker -u redis://127.0.0.1:{port} -n w1",), subscribed=1
    ),
    Case("taskiq", "taskiq", "taskiq", ("python client.py",), ("taskiq worker broker:broker -w 1",), subscribed=1),
    _nest("v11"),
    _nest("v12"),
    _moleculer("JSON"),
    _moleculer("MsgPack", "msgpack5"),
    _moleculer("CBOR", "cbor-x"),
    Case("moleculer-upload", "moleculer", "moleculer", ("node reqstream.js {port}",), pair="moleculer", node=True),
    Case(
        "socketio",
        "socket.io",
        "socketio",
        ("node client.js {http} {http2}", "node emitter.js {port}"),
        ("node server.js {port} {http}", "node server.js {port} {http2}"),
        ready="up ",
        pair="socketio",
        node=True,
    ),
    Case("graphql", "graphql-redis-subscriptions", "graphql", ("node pubsub.js {port}",), node=True),
)
"""Every one; each is tried on a Redis of its own."""
