"""URLs without the passwords in them, wherever they are typed or written. Pure."""

from __future__ import annotations

import re

# Up to the last @ of the whole URL: a password may hold a slash that somebody forgot to write as %2F.
_PASSWORD = re.compile(r"(://[^/@]*?:).*(?=@)|((?:^|[?&])[^=&?/@\s]*password=)[^&]*", re.DOTALL)
_PARTS = re.compile(r"(://[^/@]*?:|[?&][^=&?/@\s]*password=)((?<==)[^&\s'\"]*|(?<!=).*(?=@))", re.DOTALL)
_IN_TEXT = re.compile(r"""[A-Za-z][\w+.-]*://[^\s'"`<>]+""")


def without_password(url: str) -> str:
    """The URL with its password masked, wherever it stands; what has none comes back as it is."""
    return _PASSWORD.sub(lambda found: f"{found[1] or found[2]}***", url)


def passwords_in(text: str) -> list[str]:
    """The passwords themselves of the URLs in a text."""
    found = [one[2] for one in _PARTS.finditer(text)]
    return [password for password in found if password and password != "***"]


def without_passwords(text: str) -> str:
    """A text with the passwords of all URLs in it masked."""
    return _IN_TEXT.sub(lambda found: without_password(found[0]), text) if "://" in text else text
