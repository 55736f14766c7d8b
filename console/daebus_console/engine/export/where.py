"""Where Redis is, as exports say it: every option of the URL, and nothing of a password. Pure.

A capture names its bus by any text, "the test bus" for one; what is no URL is named by no export.
"""

from __future__ import annotations

import json
import shlex
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from daebus.errors import ConfigurationError
from daebus.transport.places.route import is_sharded
from daebus.transport.url import MALFORMED, SENTINEL, hosts_of, redact_url

MASTER = "MASTER:6379"
"""Stands for the server that sentinels name."""
_SECRET = ("password", "passwd", "secret", "token", "credential")
_MASKED = "***"
_FILES = {
    "ssl_ca_certs": "--cacert",
    "ssl_ca_path": "--cacertdir",
    "ssl_certfile": "--cert",
    "ssl_keyfile": "--key",
}
"""Options of redis-py that redis-cli has as well, with a value."""
_TLS_FILES = {"ssl_ca_certs": "ca", "ssl_certfile": "cert", "ssl_keyfile": "key"}
"""The same for the TLS of Node.js, which takes what is in them."""
_SECURE = ("rediss", "valkeys", "https")
_OURS_ALONE = ("sharded=", "sentinel_")


def bare_url(url: str) -> str:
    """The URL without anything of a password, not even its mask."""
    scheme, found, rest = url.partition("://")
    if not found:
        return url
    place, question, query = rest.partition("?")
    authority, slash, path = place.partition("/")
    # A password may hold a slash that somebody forgot to write as %2F.
    credentials, _at, host = place.rpartition("@") if "@" in path else authority.rpartition("@")
    host = host if "@" in path else f"{host}{slash}{path}"
    user = credentials.partition(":")[0]
    # What is masked by somebody else tells nothing, and would be taken for a user of that name.
    user = "" if user == _MASKED else user
    options = "&".join(option for option in query.partition("#")[0].split("&") if option and not _is_secret(option))
    return f"{scheme}://{user}{'@' if user else ''}{host}{question if options else ''}{options}"


def _is_secret(option: str) -> bool:
    name, _equals, value = option.partition("=")
    return value == _MASKED or option == _MASKED or any(word in name.casefold() for word in _SECRET)


def is_url(text: str) -> bool:
    """Whether it says where a Redis is."""
    return redact_url(bare_url(text)) != MALFORMED


def redis_option(url: str) -> list[str]:
    """--redis with the URL; nothing where there is none. A password is never in it: $DAEBUS_REDIS_URL can hold one."""
    return ["--redis", bare_url(url)] if is_url(url) else []


def is_of_shards(url: str) -> bool:
    """Whether messages go by SPUBLISH there. The URL may be any text: it may have come out of a file."""
    try:
        return is_sharded(url)
    except ConfigurationError:
        return False


class _Parts(NamedTuple):
    """What a URL says: `kind` is `sentinel`, `cluster`, or nothing for one server; user and hosts as they stand."""

    scheme: str
    kind: str
    user: str
    hosts: str
    path: str
    query: str

    @property
    def options(self) -> dict[str, str]:
        return dict(parse_qsl(self.query))

    @property
    def login(self) -> str:
        """The name of the user, of which the options have the last word."""
        return self.options.get("username") or unquote(self.user)

    @property
    def master(self) -> str:
        """The name by which sentinels know the server."""
        return self.path.removeprefix("/").partition("/")[0]

    @property
    def behind_master(self) -> str:
        """The rest of the path, which is the number of a database."""
        return self.path.removeprefix("/").partition("/")[2]


def _parts_of(url: str) -> _Parts:
    parts = urlsplit(bare_url(url))
    user, _at, hosts = parts.netloc.rpartition("@")
    scheme, _plus, kind = parts.scheme.partition("+")
    return _Parts(scheme, kind, user, hosts, parts.path, parts.query)


def redis_cli_options(url: str) -> list[str]:
    """The options of redis-cli for that Redis; a password goes into $REDISCLI_AUTH.

    Options of the URL that redis-cli has none for, such as timeouts, are for the client that was there.
    """
    if not is_url(url):
        return []
    parts = _parts_of(url)
    options, host, path = parts.options, parts.hosts, parts.path
    if parts.kind == "cluster":
        # It is told by any of its nodes where to go.
        host = host.partition(",")[0]
    elif parts.kind == SENTINEL:
        # Only a sentinel knows, and only for now.
        host, path = MASTER, parts.behind_master
    found = _place(parts.scheme, host, path, options.get("db", ""))
    if parts.kind == "cluster" or is_of_shards(url):
        found.append("-c")
    # As a part of the URL, redis-cli takes a user without a password for a password.
    found += ["--user", parts.login] if parts.login else []
    found += _tls(options)
    if options.get("protocol") == "3":
        found.append("-3")
    return found


def asking_for_master(url: str) -> list[str]:
    """How redis-cli asks a sentinel which server stands for MASTER, with the least right that there is for that.

    Nothing where there is no sentinel to ask. The answer lists many names and values, among them `ip` and `port`.
    """
    if not is_url(url):
        return []
    parts = _parts_of(url)
    if parts.kind != SENTINEL:
        return []
    options = parts.options
    host, port = next(hosts_of(parts.hosts))
    if host is None or not parts.master:
        return []
    name = options.get("sentinel_username", "")
    words = ["redis-cli", *_place(parts.scheme, f"{host}:{port or 26379}", "", "")]
    return [*words, *(["--user", name] if name else []), *_tls(options), "SENTINEL", "MASTER", parts.master]


def for_redis_py(url: str) -> str:
    """The URL of one server as redis-py takes it: any node of a cluster, and MASTER in the place of sentinels.

    Without what is an option of ours alone, and without a password.
    """
    parts = _parts_of(url)
    options = [one for one in parts.query.split("&") if one and not one.startswith(_OURS_ALONE)]
    query = f"?{'&'.join(options)}" if options else ""
    user = f"{parts.user}@" if parts.user else ""
    if parts.scheme == "unix":
        return f"unix://{user}{parts.hosts}{parts.path}{query}"
    if parts.kind == SENTINEL:
        host, path = MASTER, f"/{parts.behind_master}".rstrip("/")
    else:
        host, path = parts.hosts.partition(",")[0], parts.path
    return f"{'rediss' if parts.scheme in _SECURE else 'redis'}://{user}{host}{path}{query}"


def ioredis_options(url: str) -> list[str]:
    """The options of ioredis for that Redis, each as TypeScript; a password goes into $REDIS_PASSWORD.

    Of a cluster it is given one node.
    """
    parts = _parts_of(url)
    options, name = parts.options, parts.login
    found: list[str] = []
    if parts.scheme == "unix":
        found.append(f"path: {script(unquote(parts.path))}")
    else:
        usual = 26379 if parts.kind == SENTINEL else 6379
        several = [(host or "localhost", port if port.isdigit() else usual) for host, port in hosts_of(parts.hosts)]
        places = [f"host: {script(host.strip('[]'))}, port: {port}" for host, port in several]
        if parts.kind == SENTINEL:
            found.append(f"sentinels: [{', '.join(f'{{ {place} }}' for place in places)}]")
            found.append(f"name: {script(parts.master)}")
            if sentinel_user := options.get("sentinel_username"):
                found.append(f"sentinelUsername: {script(sentinel_user)}")
                found.append("sentinelPassword: process.env.SENTINEL_PASSWORD")
        else:
            found.append(places[0])
    found.append(f"username: {script(name) if name else 'undefined'}")
    found.append("password: process.env.REDIS_PASSWORD")
    if parts.scheme in _SECURE:
        tls = [
            f"{ours}: readFileSync({script(options[option])})"
            for option, ours in _TLS_FILES.items()
            if options.get(option)
        ]
        if options.get("ssl_cert_reqs", "").casefold() == "none":
            tls.append("rejectUnauthorized: false")
        found.append(f"tls: {{ {', '.join(tls)} }}" if tls else "tls: {}")
        if parts.kind == SENTINEL:
            found.append("enableTLSForSentinelMode: true")
    return found


def for_shell(url: str) -> str:
    """The URL as a word for a shell that can stand in a docstring as well."""
    return shlex.quote(url.replace('"', "%22").replace("\\", "%5C"))


def script(text: str) -> str:
    """A text as JavaScript has it, in ASCII."""
    return json.dumps(text)


def _tls(options: dict[str, str]) -> list[str]:
    found: list[str] = []
    for option, form in _FILES.items():
        if options.get(option):
            found += [form, options[option]]
    if options.get("ssl_cert_reqs", "").casefold() == "none":
        found.append("--insecure")
    return found


def _place(scheme: str, host: str, path: str, database: str) -> list[str]:
    if scheme == "unix":
        return ["-s", unquote(path), *(["-n", database] if database else [])]
    secure = scheme in _SECURE
    database = database or path.strip("/")
    if host.startswith("["):
        name, _bracket, port = host[1:].partition("]")
        tls = ["--tls"] if secure else []
        return ["-h", name, "-p", port.lstrip(":") or "6379", *tls, *(["-n", database] if database else [])]
    return ["-u", f"{'rediss' if secure else 'redis'}://{host}{f'/{database}' if database else ''}"]
