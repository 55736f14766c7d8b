"""answered-twice: one request, more than one final answer."""

from __future__ import annotations

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, duration, shown, to
from daebus_console.engine.message.envelope import Unreadable, error_code, read
from daebus_console.engine.message.exchange import Exchange, Kind, Message


class Found(Rule):
    """The second final answer tells."""

    name = "answered-twice"
    severity = Severity.WARNING
    title = "answered more than once"
    page = """\
A request got more than one final answer: its work was done more than once, and the caller knows of the first
alone. Most often a service runs in several instances, and each of them handles every request, for that is what
subscribers of a channel get.

It is thought so because two answers with the id of the request came on its reply channel.

Let the instances share the work: `app.run(shared=True)` has exactly one of them handle each request. Where they do
already, one was paused, or held as a whole, for longer than the timeout of the request and 5 s more: so long it is
known that another one has taken it. Where one instance answers twice, its handler sends two final answers: all but
the last want `final=False`."""

    def extra(self, exchange: Exchange, message: Message) -> None:
        """Another answer: of another instance, or of the same?"""
        if exchange.kind is not Kind.REQUEST or not message.final or len(exchange.aside.extra or ()) != 1:
            return
        first = exchange.answer
        codes = [error_code(one.data) for one in (first, message) if one is not None and one.error]
        if "unknown_action" in codes:
            # That is another fault, which has a rule of its own.
            return
        one, other = (_instance(found) for found in (first, message))
        service, action = exchange.target or "", exchange.action or ""
        name = call(service, action)
        instances = len(self.world.instances.here(service))
        sharing = {each.name for each in self.world.instances.of(service) if each.shared}
        if other is not None and one == other:
            text, advice = f"one instance answered {name} twice", "send one final answer: the others with final=False"
        elif other is not None and {one, other} <= sharing:
            text = f"{name} is handled more than once, though its instances share the work"
            advice = (
                f"see whether {shown(other, text=True)} was paused, or held as a whole: it answered"
                f" {duration(message.at - exchange.opened.at)} after it was asked"
            )
        else:
            among = f"{instances} instances" if instances > 1 else "several programs"
            text = f"{name} is handled more than once: {among} answer the same request"
            advice = "let the instances share the work with app.run(shared=True), or run one"
        self.book.report(
            self.name,
            self.severity,
            message.at,
            [exchange.number],
            service=service,
            action=action,
            text=text,
            because="two final answers with the id of the request came",
            advice=advice,
            where=f"{to(service, action)} is:duplicate",
        )


def _instance(answer: Message | None) -> str | None:
    """Who says to have answered."""
    try:
        return None if answer is None else read(answer.data).instance
    except Unreadable:
        return None
