"""demo: start a small shop of services to look at."""

from __future__ import annotations

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Option, Verb
from daebus_console.commands.verbs.usual import AT_SHELL, FOR

VERB = Verb(
    "demo",
    "start a small shop of services to look at",
    options=(
        Option("--headless", Kind.FLAG, "only the services, until interrupted; prints the URL to attach to"),
        Option("--redis", Kind.URL, "the Redis to use (default: a private one)", "URL"),
        FOR,
    ),
    examples=("demo", "demo --headless --for 60", "demo --redis redis://localhost:6379/0"),
    publishes=True,
    faces=AT_SHELL,
    place=200,
)
