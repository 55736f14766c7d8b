"""Writing values as compact JSON, many times."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any


def kept_encoder(default: Callable[[Any], Any] | None = None, *, allow_nan: bool = False) -> Callable[[Any], str]:
    """What writes a value as JSON; `default` is as for `json.dumps`.

    Without a check for circles one is found as too deep a nesting: the same error, and less work for all others.
    """
    options: dict[str, Any] = {} if default is None else {"default": default}
    encoder = json.JSONEncoder(allow_nan=allow_nan, separators=(",", ":"), check_circular=False, **options)
    # It makes its C encoder anew for each value, which takes a quarter of the time of a message; one that looks for no
    # circles remembers nothing, and can be kept.
    make: Callable[..., Callable[[Any, int], Iterable[str]]] | None = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    write = json.encoder.encode_basestring_ascii
    pieces = make(None, encoder.default, write, None, ":", ",", False, False, allow_nan)
    return lambda value: "".join(pieces(value, 0))
