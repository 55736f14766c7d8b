"""What to do about an error of Redis, behind its text: the rule that is missing, or where else it may be."""

from __future__ import annotations

from daebus.errors import PermissionDenied, RedisRefused, RedisUnavailable
from daebus_console.commands.context import Context
from daebus_console.commands.verbs import Face
from daebus_console.engine.live.rights import advice, user_of

_NO_PASSWORD = "NOAUTH"
_PASSWORD = "this Redis takes a password, in its URL: redis://:PASSWORD@HOST, or redis://USER:PASSWORD@HOST"


def advised(error: RedisUnavailable, context: Context) -> str:
    """The error, and on a line of its own what to do, where that is known."""
    if _NO_PASSWORD in str(error):
        return f"{error}\n({_PASSWORD})"
    if isinstance(error, PermissionDenied):
        rule = advice(str(error), user_of(context.session.address.url))
        return f"{error}\n({rule})" if rule is not None else str(error)
    answered = isinstance(error, RedisRefused)
    if context.face is Face.SHELL and str(error).startswith("cannot connect") and not answered:
        return f"{error}\n(is it running there? --redis URL or DAEBUS_REDIS_URL name another)"
    return str(error)
