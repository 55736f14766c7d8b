"""What an error answer says of what went wrong: of a text, or of an exception."""

from __future__ import annotations

from typing import Any, cast

from daebus.errors import Misfit, RequestFailed, class_of
from daebus.saying import said, trace_of
from daebus.wire.envelope import OUR_CODES, error_payload


def failure(error: str | BaseException, code: str | None, *, tracebacks: bool) -> Any:
    """The payload of an error response. Of what an exception says the passwords of URLs are left out."""
    if not isinstance(error, BaseException):
        return error_payload(str(error), code)
    kind = class_of(error)
    trace = fields = None
    # What an exception says of its class itself may be anything.
    if issubclass(type(error), Misfit):
        fields = cast(Misfit, error).fields
    elif tracebacks:
        trace = trace_of(error)
    return error_payload(said(error) or kind, code or _chosen_code(error), kind, trace, fields)


def _chosen_code(error: BaseException) -> str | None:
    """The code that another service has chosen for the error with which it answered."""
    code = getattr(error, "code", None) if issubclass(type(error), RequestFailed) else None
    return code if isinstance(code, str) and code and code not in OUR_CODES else None
