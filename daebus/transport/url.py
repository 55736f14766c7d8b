"""Where Redis is, as a URL: which one to use, whether it means what it says, and how it is shown without secrets.

Pure: no socket. Showing a URL starts from nothing and adds only what cannot be a password, so that a URL which
is malformed in a way nobody thought of shows too little and never too much.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from daebus.errors import ConfigurationError
from daebus.wire.checks import is_encodable, shown

SENTINEL, CLUSTER = "sentinel", "cluster"
_SEVERAL = re.compile(rf"(rediss?)\+({SENTINEL}|{CLUSTER})")
"""Schemes of URLs that name several servers; see `route`."""
DEFAULT_URL = "redis://localhost:6379/0"
VARIABLES = ("DAEBUS_REDIS_URL", "REDIS_URL")
"""Of the environment, the first before the second."""
MALFORMED = "(a malformed URL)"
_NO_HOST = frozenset("/?#@ \\")
_TCP_SCHEMES = frozenset(("redis", "rediss", "valkey", "valkeys", "tcp", "http", "https"))
_USER = re.compile(r"[\w.%+~-]{1,64}")
_HOST = re.compile(r"(?:[\w.-]{1,253}|\[[0-9A-Fa-f:.%\w]{1,80}\])?")
_PORT = re.compile(r"[0-9]{1,5}")
_PATH = re.compile(r"[\w.-]{0,100}(?:/[0-9]{0,5})?")
_OPTION = re.compile(
    r"(?:db|protocol|socket_timeout|socket_connect_timeout|socket_keepalive|health_check_interval|ssl_cert_reqs"
    r"|ssl_check_hostname|sharded)=[0-9A-Za-z.]{0,12}"
)
_FILE = re.compile(r"ssl_(?:ca_certs|ca_path|certfile|keyfile)=.*")

_OURS = re.compile(r"(?<=[?&])sharded=[^&#]*&?")
_OPTION_NAME = re.compile(r"[a-z_]{1,40}")


def resolve_url(
    redis_url: str | None = None,
    redis_host: str | None = None,
    redis_port: int | None = None,
    environ: Mapping[str, str] | None = None,
) -> str:
    """The URL to use: `redis_url`, else host and port, else DAEBUS_REDIS_URL, REDIS_URL, or localhost:6379."""
    if redis_url is not None and not isinstance(redis_url, str):
        raise ConfigurationError(f"redis_url must be a str, not {type(redis_url).__name__}")
    if redis_url:
        return redis_url
    if redis_host or redis_port is not None:
        host = _checked_host(redis_host or "localhost")
        _check_port(redis_port)
        if ":" in host and not host.startswith("["):
            host = f"[{host}]"
        return f"redis://{host}:{redis_port or 6379}/0"
    environ = os.environ if environ is None else environ
    return next((environ[name] for name in VARIABLES if environ.get(name)), DEFAULT_URL)


def named_by(redis_url: str | None) -> str:
    """`, from NAME` where the URL is that of a variable of the environment, to be told behind what is wrong with it."""
    name = next((name for name in VARIABLES if os.environ.get(name)), None)
    return "" if redis_url or name is None else f", from {name}"


def _checked_host(host: object) -> str:
    # Not shown: it may be a whole URL with its password.
    if not isinstance(host, str) or not is_encodable(host) or not _NO_HOST.isdisjoint(host) or not host.isprintable():
        raise ConfigurationError("redis_host must be the name or address of a host; a URL is given as redis_url")
    if host.count(":") == 1:
        raise ConfigurationError(
            "redis_host must be the name or address of a host alone; its port is given as redis_port"
        )
    return host


def _check_port(port: object) -> None:
    number = int(port) if isinstance(port, str) and port.isascii() and port.isdigit() and len(port) < 6 else port
    if number is None or (isinstance(number, int) and not isinstance(number, bool) and 0 < number < 65536):
        return
    raise ConfigurationError(f"redis_port must be a whole number from 1 to 65535, not {shown(port)}")


def redact_url(url: str) -> str:
    """The URL fit for a log or a screen: scheme, user, host, port, database, socket path and harmless options.

    What is none of these, or may be part of a password, is shown as `***`; a URL that nothing can be told of as
    "(a malformed URL)".
    """
    scheme, found, rest = url.partition("://")
    if not found or not (scheme in _TCP_SCHEMES or scheme == "unix" or _SEVERAL.fullmatch(scheme)):
        return MALFORMED
    authority, beyond = _split(rest)
    if "@" in beyond:
        # Either the password has an unescaped / in it, or an option has an @: no side of the @ is safe to show.
        return f"{scheme}://***"
    credentials, at, host = authority.rpartition("@")
    place = host + beyond
    if _SEVERAL.fullmatch(scheme):
        shown = _shown_several(place)
    else:
        shown = _shown_unix(place) if scheme == "unix" else _shown_tcp(place)
    if shown is None:
        return MALFORMED
    return f"{scheme}://{_shown_credentials(credentials)}{at}{shown}"


def _split(rest: str) -> tuple[str, str]:
    """What follows `scheme://`, cut where the host part ends."""
    end = min((at for mark in "/?#" if (at := rest.find(mark)) >= 0), default=len(rest))
    return rest[:end], rest[end:]


def _shown_credentials(credentials: str) -> str:
    """The user where there is one. Without a password it may be one that somebody put in its place."""
    user, _colon, password = credentials.partition(":")
    if not credentials:
        return ""
    if not password or not (user == "" or _USER.fullmatch(user)):
        return "***"
    return f"{user}:***"


def _shown_tcp(place: str) -> str | None:
    place, options = _shown_options(place)
    where, slash, database = place.partition("/")
    host, colon, port = where.rpartition(":") if not where.endswith("]") else (where, "", "")
    if not colon:
        host, port = where, ""
    if not _HOST.fullmatch(host) or (port and not _PORT.fullmatch(port)):
        return None
    if database and not _PORT.fullmatch(database):
        database = "***"
    return f"{host}{colon}{port}{slash}{database}{options}"


def _shown_several(place: str) -> str | None:
    place, options = _shown_options(place)
    hosts, slash, path = place.partition("/")
    if any(host is None for host, _port in hosts_of(hosts)):
        return None
    return f"{hosts}{slash}{path if _PATH.fullmatch(path) else '***'}{options}"


def _shown_unix(place: str) -> str | None:
    path, options = _shown_options(place)
    return f"{path}{options}" if path.startswith("/") and path.isprintable() else None


def _shown_options(place: str) -> tuple[str, str]:
    """What stands before the options, and the options, all of them hidden where one may be a secret."""
    place, marker, fragment = place.partition("#")
    place, question, query = place.partition("?")
    if (question and not all(_OPTION.fullmatch(option) for option in query.split("&"))) or fragment:
        return place, "?***"
    return place, question + query + marker


def without_ours(url: str) -> str:
    """The URL without the option that redis-py does not know."""
    return _OURS.sub("", url) if "?" in url else url


def told_option(url: str, name: str) -> str:
    """`: ` and the name of an option of the URL, where that cannot be the rest of a password; else nothing."""
    before, found, _after = url.partition("?")[2].partition(f"{name}=")
    options = before.split("&")[:-1]
    harmless = found and all(_OPTION.fullmatch(option) or _FILE.fullmatch(option) for option in options)
    return f": {name}" if harmless and _OPTION_NAME.fullmatch(name) else ""


def is_several(url: str) -> bool:
    """Whether a URL names several servers, by its scheme."""
    return _SEVERAL.fullmatch(url.partition("://")[0]) is not None


def parts_of(url: str) -> tuple[str, str, str, str, str, str]:
    """A URL that names several servers, cut up: redis or rediss, the kind, credentials, hosts, path and query."""
    scheme, _found, rest = url.partition("://")
    security, _plus, kind = scheme.partition("+")
    authority, beyond = _split(rest)
    credentials, _at, hosts = authority.rpartition("@")
    path, _question, query = beyond.partition("#")[0].partition("?")
    return security, kind, credentials, hosts, path, query


def hosts_of(hosts: str) -> Iterator[tuple[str | None, str]]:
    """Host and port of each that stands in a list with commas; no host for what is none, no port where none stands."""
    for one in hosts.split(","):
        host, colon, port = one.rpartition(":") if not one.endswith("]") else (one, "", "")
        if not colon:
            host, port = one, ""
        good = host and _HOST.fullmatch(host) and (not colon or _PORT.fullmatch(port))
        yield host if good else None, port


def ambiguity(url: str) -> str | None:
    """Why a URL does not mean what it seems to, or None.

    A `/`, `?` or `#` in a password that is not written as %2F, %3F or %23 ends the host part early: what was
    meant as the password is then taken for a port, and would turn up in the errors of whoever connects.
    """
    if not is_encodable(url):
        return "it has halves of characters, which cannot be written as UTF-8"
    scheme, _found, rest = url.partition("://")
    authority, beyond = _split(rest)
    if "@" in beyond and (authority or scheme != "unix"):
        return "an @ stands after the host: write / ? # and @ in a password as %2F %3F %23 and %40"
    return None
