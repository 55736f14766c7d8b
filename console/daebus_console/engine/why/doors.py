"""Who is kept out by Redis itself, as it tells. Pure."""

from __future__ import annotations

from daebus_console.engine.findings.words import quoted, shown
from daebus_console.engine.live.rights import acl_line, rule_in
from daebus_console.engine.message.envelope import CALLER_PREFIX
from daebus_console.engine.why.cause import Cause
from daebus_console.engine.why.sight import Sight

_MOST = 5


def service_kept_out(sight: Sight, service: str) -> Cause | None:
    """Nobody serves it, and the user of Redis that is called like it may not subscribe to its channel."""
    refused = sight.doors.may_not_subscribe
    user = next((one for one in sorted(refused) if one.casefold() == service.casefold()), None)
    if user is None:
        return None
    return Cause(
        "acl",
        f"nobody serves {quoted(service)}, and Redis does not let its user {quoted(user)} do so",
        (_told(user, refused[user]), "Redis lists no subscriber of that channel"),
        acl_line(user, [rule_in(refused[user]) or f"&{service}", f"&daebus.control.{service}"]),
    )


def answers_kept_out(sight: Sight, service: str) -> Cause | None:
    """The user of Redis that is called like the service may not publish where an answer is waited for."""
    refused, reply_to = sight.doors.may_not_answer, sight.doors.reply_to
    user = next((one for one in sorted(refused) if one.casefold() == service.casefold()), None)
    if user is None:
        return None
    channels = f"&{CALLER_PREFIX}*" if reply_to.startswith(CALLER_PREFIX) else f"&{reply_to}"
    return Cause(
        "acl",
        f"{shown(service)} cannot answer: Redis does not let its user {quoted(user)} publish on {quoted(reply_to)}",
        (_told(user, refused[user]),),
        acl_line(user, [rule_in(refused[user]) or channels]),
    )


def caller_kept_out(sight: Sight, service: str) -> Cause | None:
    """Somebody is connected in order to call it, and may not."""
    refused = sight.doors.may_not_publish
    users = sorted(sight.doors.callers & refused.keys())
    if not users:
        return None
    names = ", ".join(quoted(one) for one in users[:_MOST])
    many = "users" if len(users) > 1 else "user"
    return Cause(
        "acl",
        f"Redis does not let a caller of {quoted(service)} send to it: its {many} {names}",
        (f"connections for {quoted(service)} are there with it", *(_told(one, refused[one]) for one in users[:_MOST])),
        acl_line(users[0], [rule_in(refused[users[0]]) or f"&{service}"]),
    )


def shut_to(sight: Sight) -> tuple[str, ...]:
    """A line of evidence where others may not subscribe to it, whom nobody can tell for the service."""
    users = sorted(sight.doors.may_not_subscribe)
    if not users:
        return ()
    more = f" and {len(users) - _MOST} more" if len(users) > _MOST else ""
    names = ", ".join(quoted(one) for one in users[:_MOST])
    return (f"these users of Redis may not subscribe to it: {names}{more}; a service that is one of them is kept out",)


def _told(user: str, text: str) -> str:
    return f"Redis tells of {quoted(user)}: {shown(text[:200], text=True)}"
