"""A Redis with a service on it, users with fewer rights than the console would like, and verbs carried out as them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from daebus import Daebus, request
from daebus_console.commands.context import Context
from daebus_console.commands.doing.runner import run
from daebus_console.commands.grammar.command import parse
from daebus_console.commands.verbs import Face
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from tests.console.commands.support import Heard
from tests.support.redis_server import RedisServer

SERVICE = "loyalty"
PASSWORD = "geheim"


@dataclass
class Bus:
    """A Redis, and who may do what on it."""

    server: RedisServer

    def user(self, name: str, *rules: str) -> str:
        """Make a user with exactly those rules; returns the URL for it."""
        with self.server.client() as admin:
            admin.execute_command("ACL", "SETUSER", name, "reset", "resetchannels", "on", f">{PASSWORD}", *rules)
        return self.url(name)

    def change(self, name: str, *rules: str) -> None:
        """Give the user rules, or take them."""
        with self.server.client() as admin:
            admin.execute_command("ACL", "SETUSER", name, *rules)

    def url(self, name: str) -> str:
        """Where the user finds it."""
        return self.server.url.replace("redis://", f"redis://{name}:{PASSWORD}@")

    def serve(self, url: str | None = None, name: str = SERVICE) -> Daebus:
        """Start a service there; the caller stops it."""
        app = Daebus(name)

        @app.action("echo")
        def echo() -> object:
            """Give back what was sent."""
            return request.payload

        app.start(service=name, redis_url=url or self.server.url)
        return app


@pytest.fixture
def bus(own_redis: RedisServer) -> Iterator[Bus]:
    """A Redis with the service `loyalty`."""
    found = Bus(own_redis)
    app = found.serve()
    yield found
    app.stop(grace=1)


@dataclass
class Said:
    """What came of a verb."""

    status: int
    heard: Heard

    @property
    def words(self) -> str:
        """All that was told beside the results."""
        return "\n".join([*self.heard.notes, *self.heard.errors])

    @property
    def shown(self) -> str:
        """The results."""
        return "\n".join(self.heard.lines)


def carry_out(
    url: str,
    line: str,
    *,
    meanwhile: Callable[[Session], None] | None = None,
    heard: Callable[[Session], Heard] = lambda _session: Heard(),
) -> Said:
    """Carry out a line as the shell would, in a session of its own; `meanwhile` runs once something can be seen."""
    session = Session(url)
    output = heard(session)
    command = parse(line)
    assert command is not None
    try:
        with Sender(session) as sender:
            context = Context(session, sender, output, Face.SHELL)
            if meanwhile is not None:
                context = replace(context, live=True)
                session.start()
                session.wait_up(5)
                meanwhile(session)
            return Said(run(command, context), output)
    finally:
        session.stop()


@contextmanager
def looking(url: str, **settings: object) -> Iterator[Session]:
    """A session that has been started."""
    from daebus_console.engine.settings import Settings

    with Session(url, Settings(**settings)) as session:  # type: ignore[arg-type]
        yield session
