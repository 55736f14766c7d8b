"""Which servers a URL leads to: one, those that some sentinels name, or any node of a cluster. Pure: no socket.

    redis+sentinel://[USER:PASSWORD@]HOST[:26379],HOST2,.../MASTER[/DATABASE][?sentinel_username=...&sentinel_password=...]
    redis+cluster://[USER:PASSWORD@]HOST[:6379],HOST2,...[?sharded=true]

with `rediss+` in the place of `redis+` for TLS. User and password are those of the servers; those of the sentinels
stand in the query.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

from daebus.errors import ConfigurationError
from daebus.transport.url import CLUSTER, SENTINEL, hosts_of, is_several, parts_of, redact_url

_DEFAULT_PORTS = {SENTINEL: 26379}
_MASTER = re.compile(r"[\w.-]{1,100}")
_FORMS = {
    SENTINEL: "redis+sentinel://HOST:26379,HOST2:26379/MASTER",
    CLUSTER: "redis+cluster://HOST:7000,HOST2:7001",
}
_OF_SENTINELS = re.compile(r"(?:ssl_|socket_).*")


class Place(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Route(NamedTuple):
    """Where a URL of several servers leads. `kind` is sentinel or cluster, `seeds` are whom to ask first.

    `master` is the name by which the sentinels know it.
    """

    kind: str
    seeds: tuple[Place, ...]
    master: str
    before: str
    after: str
    sentinel_before: str
    sentinel_after: str

    def node(self, place: Place) -> str:
        """The URL of a server there."""
        return f"{self.before}{place}{self.after}"

    def sentinel(self, place: Place) -> str:
        """The URL of a sentinel there."""
        return f"{self.sentinel_before}{place}{self.sentinel_after}"


def route_of(url: str) -> Route | None:
    """Where a URL leads that names several servers; None for one that names one. Raises ConfigurationError."""
    if not is_several(url):
        return None
    security, kind, credentials, hosts, path, query = parts_of(url)
    seeds = _seeds(url, kind, hosts)
    options = dict(parse_qsl(query, keep_blank_values=True))
    user, password = options.pop("sentinel_username", ""), options.pop("sentinel_password", "")
    options.pop("sharded", None)
    if kind == SENTINEL:
        master, database = _master(url, path)
    else:
        master, database = "", "0"
        if path not in ("", "/", "/0"):
            raise _unusable(url, kind, "a cluster has database 0 only")
    at = f"{credentials}@" if credentials else ""
    sentinel_at = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user or password else ""
    of_sentinels = {name: value for name, value in options.items() if _OF_SENTINELS.fullmatch(name)}
    return Route(
        kind,
        seeds,
        master,
        f"{security}://{at}",
        f"/{database}{_query(options)}",
        f"{security}://{sentinel_at}",
        f"/0{_query(of_sentinels)}",
    )


def form_of(kind: str) -> str:
    """What a URL of several servers of that kind looks like."""
    return _FORMS[kind]


def route_from(url: str) -> Route | None:
    """The route to the cluster of which a URL names a node; None for a URL that names none by host and port."""
    scheme, _found, rest = url.partition("://")
    security = scheme if scheme in ("redis", "rediss") else ""
    return route_of(f"{security}+{CLUSTER}://{rest}") if security and not is_several(url) else None


def is_sharded(url: str) -> bool:
    """Whether a URL asks for sharded Pub/Sub. Raises ConfigurationError where it says neither yes nor no."""
    options = dict(parse_qsl(url.partition("?")[2], keep_blank_values=True))
    said = options.get("sharded", "false").lower()
    if said not in ("true", "1", "yes", "false", "0", "no"):
        raise ConfigurationError(f"not a usable Redis URL: {redact_url(url)} (sharded is true or false)")
    return said in ("true", "1", "yes")


def sharded_url(url: str) -> str:
    """The URL of the same cluster that asks for sharded Pub/Sub. Raises ConfigurationError where it is none."""
    scheme, found, rest = url.partition("://")
    if is_several(url):
        kind = parts_of(url)[1]
        if kind != CLUSTER:
            raise ConfigurationError(f"sharded Pub/Sub needs a cluster ({_FORMS[CLUSTER]}), not {redact_url(url)}")
    elif scheme in ("redis", "rediss"):
        # A node of one, as is to be hoped.
        url = f"{scheme}+{CLUSTER}{found}{rest}"
    elif found:
        raise ConfigurationError(f"sharded Pub/Sub needs a cluster ({_FORMS[CLUSTER]}), not {redact_url(url)}")
    route_of(url)
    if is_sharded(url):
        return url
    url = url.partition("#")[0]
    return f"{url}{'&' if '?' in url else '?'}sharded=true"


def _query(options: dict[str, str]) -> str:
    return f"?{urlencode(options)}" if options else ""


def _seeds(url: str, kind: str, hosts: str) -> tuple[Place, ...]:
    found: dict[Place, None] = {}
    for host, port in hosts_of(hosts):
        if host is None:
            raise _unusable(url, kind, "hosts stand as HOST:PORT, with a comma between them")
        number = int(port) if port else _DEFAULT_PORTS.get(kind, 6379)
        if not 0 < number < 65536:
            raise _unusable(url, kind, "a port is a whole number from 1 to 65535")
        found[Place(host.strip("[]"), number)] = None
    return tuple(found)


def _master(url: str, path: str) -> tuple[str, str]:
    master, _slash, database = path.removeprefix("/").partition("/")
    if not _MASTER.fullmatch(master):
        raise _unusable(url, SENTINEL, "the name of the master is missing, or cannot be one")
    if database and not (database.isascii() and database.isdigit() and len(database) < 6):
        raise _unusable(url, SENTINEL, "the database after the name of the master is a whole number")
    return master, database or "0"


def _unusable(url: str, kind: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"not a usable Redis URL: {redact_url(url)} ({why}; e.g. {_FORMS[kind]})")
