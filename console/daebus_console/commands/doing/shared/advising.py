"""What to do about an error of Redis, behind its text: the rule that is missing, or where else it may be."""

from __future__ import annotations

from daebus.errors import PermissionDenied, RedisRefused, RedisUnavailable
from daebus.transport.places.route import route_of
from daebus.transport.places.sentinels import OF_SENTINEL
from daebus_console.commands.context import Context
from daebus_console.commands.verbs import Face
from daebus_console.engine.live.rights import advice, user_of

_NO_PASSWORD = "NOAUTH"
_PASSWORD = "this Redis takes a password, in its URL: redis://:PASSWORD@HOST, or redis://USER:PASSWORD@HOST"
_RUNNING = "is it running there? --redis URL or DAEBUS_REDIS_URL name another"
_IS_TLS = "it is there; where that port is for TLS, its URL begins with rediss://"
_IS_PLAIN = "is that port for TLS? Where it is not, the URL of Redis begins with redis://"
_OF_TLS = (
    ("certificate is not valid for", "connect by a name that its certificate is for, or add ssl_check_hostname=false"),
    ("CERTIFICATE_VERIFY_FAILED", "an authority that this machine does not know stands in the URL: ?ssl_ca_certs=FILE"),
    (
        "lost the connection",
        "where it wants a certificate of yours, the URL names it: ?ssl_certfile=FILE&ssl_keyfile=FILE",
    ),
)
"""What errors of TLS say, and what to do about them."""


def advised(error: RedisUnavailable, context: Context) -> str:
    """The error, and on a line of its own what to do, where that is known."""
    url, of_sentinel = context.session.address.url, str(error).startswith(OF_SENTINEL)
    if _NO_PASSWORD in str(error) and not of_sentinel:
        return f"{error}\n({_PASSWORD})"
    if isinstance(error, PermissionDenied) or of_sentinel:
        rule = advice(str(error), user_of(_url_of_sentinel(url) if of_sentinel else url))
        where = ", at each sentinel" if of_sentinel else ""
        return f"{error}\n({rule}{where})" if rule is not None else str(error)
    answered = isinstance(error, RedisRefused)
    if context.face is Face.SHELL and str(error).startswith("cannot connect") and not answered:
        hint = _hint(str(error), is_tls=url.startswith("rediss"))
        return f"{error}\n({hint})" if hint is not None else str(error)
    return str(error)


def _url_of_sentinel(url: str) -> str:
    """The URL of one of the sentinels that it names."""
    route = route_of(url)
    return url if route is None else route.sentinel(route.seeds[0])


def _hint(text: str, *, is_tls: bool) -> str | None:
    """What to do about a connection that could not be made; None where its text says that itself."""
    if "no node of a cluster" in text:
        return None
    if not is_tls:
        # It took the connection, and ended it at the first word.
        return _IS_TLS if "lost the connection" in text else _RUNNING
    for said, hint in _OF_TLS:
        if said in text:
            return hint
    return _IS_PLAIN if "Timeout" in text or "WRONG_VERSION_NUMBER" in text else _RUNNING
