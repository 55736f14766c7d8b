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
        Option("--story", Kind.FLAG, "bugs come and go, and one line leads from the badge to each cause"),
        Option("--redis", Kind.URL, "the Redis to use (default: a private one)", "URL"),
        FOR,
    ),
    examples=("demo", "demo --story", "demo --headless --for 60", "demo --redis redis://localhost:6379/0"),
    details="With --story four bugs come and go in the shop, a minute each: a listener that raises, five equal calls,"
    " an error that is kept from the customer, a message to a misspelled action. A line above the keys says the next of"
    " four steps, which are the badge, the finding, its conversation and the cause, and then what it was. F6 ends it."
    " With --headless the chapters are printed instead.",
    publishes=True,
    faces=AT_SHELL,
    place=200,
)
