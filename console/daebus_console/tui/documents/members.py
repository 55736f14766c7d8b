"""The members of a JSON object, told apart also where several have one name; their values stay raw. Pure."""

from __future__ import annotations

import msgspec


class Name:
    """A name like no other, so that members of one name are told apart."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


members = msgspec.json.Decoder(dict[Name, msgspec.Raw], dec_hook=lambda _type, text: Name(text)).decode
"""All members of an object. Raises what msgspec raises where it is none."""
