"""The keys of the filter language: one table from which the parser, the help and the completion are made. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from daebus_console.engine.dialects import DIALECTS
from daebus_console.engine.filter import predicates as of
from daebus_console.engine.filter.lexer import FilterError, Term, nearest
from daebus_console.engine.filter.predicates import Predicate
from daebus_console.engine.message.exchange import PLAIN


class Key(NamedTuple):
    """One key. `syntax`, `help` and `example` are for people; `values` are what completion offers, and `source` names
    the kind of known names (service, channel, action, path, code) that it offers beside them."""

    name: str
    syntax: str
    help: str
    example: str
    build: Callable[[Term], Predicate]
    values: tuple[str, ...] = ()
    source: str | None = None


KEYS: tuple[Key, ...] = (
    Key("service", "service:NAME", "either end is NAME", "service:orders", of.service, source="service"),
    Key("from", "from:NAME", "NAME asked or sent it", "from:web", of.source, source="service"),
    Key("to", "to:NAME", "it went to the service or channel NAME", "to:order*", of.target, source="target"),
    Key("channel", "channel:NAME", "a message passed on that channel", "channel:user_*", of.channel, source="channel"),
    Key("action", "action:NAME", "the action asked for", "action:get_*,list_*", of.action, source="action"),
    Key("id", "id:ID", "the request_id, or #NUMBER as shown", "id:#12", of.identity),
    Key("kind", "kind:KIND", " ".join(of.KINDS), "kind:broadcast", of.kind, of.KINDS),
    Key("dialect", "dialect:NAME", f"{' '.join(DIALECTS)} plain: the framework whose message it is",
        "dialect:nest,moleculer", of.dialect, (*DIALECTS, PLAIN)),
    Key("status", "status:STATUS", " ".join(of.STATES), "status:error,timeout", of.status, of.STATES),
    Key("latency", "latency:>TIME", "time to the answer: > >= < <= or A..B in us ms s; ms where none is given",
        "latency:>100ms", of.latency, (">10ms", ">100ms", ">1s", "10..50ms")),
    Key("size", "size:>SIZE", "bytes of all messages: > >= < <= or A..B in b kb mb (1 kb is 1,000 b)", "size:>1kb",
        of.size, (">1kb", ">100kb", ">1mb")),
    Key("payload", "payload.PATH:VALUE", "a field of a payload: a.b[0].c, \"a.b\" where a name has a dot in it, *"
        " for any; VALUE is text, a number, >5 or 1..9, and * where it is merely there",
        "payload.user.name:ann*", of.payload, source="path"),
    Key("carries", "carries:VALUE", "a payload holds VALUE as a field's whole value or as a key, at any depth; VALUE as"
        " for payload", "carries:ord-17", of.carries),
    Key("is", "is:WORD", " ".join(of.FLAGS), "is:late,duplicate", of.flags, tuple(of.FLAGS)),
    Key("code", "code:CODE", "the code of an error answer", "code:unknown_action", of.code, (
        "unknown_action", "handler_error", "bad_request", "no_response", "busy", "shutting_down", "expired"),
        source="code"),
)  # fmt: skip

_BY_NAME = {key.name: key for key in KEYS}


def key_of(name: str) -> Key | None:
    """The entry for a key as it stands in a term, `payload.some.path` included; None where there is none."""
    name = name.casefold()
    known = _BY_NAME.get(name)
    if known is None and name.startswith(("payload.", "payload[")):
        return _BY_NAME["payload"]
    return known


def predicate(term: Term) -> Predicate:
    """What the term asks, its negation included. Raises FilterError."""
    if term.key is None:
        built = of.text(term)
    else:
        key = key_of(term.key)
        if key is None:
            raise _unknown(term, term.key)
        built = key.build(term)
    if not term.negated:
        return built
    of_exchange, of_message, cost = built
    return Predicate(
        lambda exchange: not of_exchange(exchange), lambda message, exchange: not of_message(message, exchange), cost
    )


def _unknown(term: Term, name: str) -> FilterError:
    known: Sequence[str] = [key.name for key in KEYS]
    if name.startswith("!") and key_of(name[1:]) is not None:
        return term.error(f"there is no key {name!r}", f"-{name[1:]}")
    suggestion = nearest(name, known)
    hint = "" if suggestion else f"; keys are {', '.join(known)}. To search for a text with a colon, put it in quotes"
    return term.error(f"there is no key {name!r}{hint}", suggestion)
