"""What kinds of exceptions say of the program that raised them."""

from __future__ import annotations

import re

MISTAKES = frozenset(
    {
        "AssertionError",
        "AttributeError",
        "ImportError",
        "IndexError",
        "KeyError",
        "ModuleNotFoundError",
        "NameError",
        "NotImplementedError",
        "OutsideContextError",
        "PayloadError",
        "RecursionError",
        "TypeError",
        "UnboundLocalError",
        "ZeroDivisionError",
    }
)
"""What hardly anybody raises in order to answer with it."""
_REACH = "see whether what it needs is there, and can be reached from where it runs"
NEEDS = {
    **dict.fromkeys(
        (
            "BrokenPipeError",
            "ConnectionAbortedError",
            "ConnectionError",
            "ConnectionLost",
            "ConnectionRefusedError",
            "ConnectionResetError",
            "InterfaceError",
            "OperationalError",
            "RedisUnavailable",
            "SSLError",
            "gaierror",
        ),
        _REACH,
    ),
    "BusyLoadingError": "wait until Redis has loaded its data",
    "MemoryError": "see how much memory its process may take, and what takes it",
    "OSError": "see whether what it needs is there, and whether a disk is full or too many files are open",
    "OutOfMemoryError": "Redis has no memory left: see what fills it, and its maxmemory",
    "ReadOnlyError": "it writes to a replica of Redis: see which server its URL names",
    "RedisRefused": "see what Redis says, and its log",
}
"""What is raised where something that the handler needs is not to be had, and what to do then."""
_OF_NETWORKS = re.compile("^(?:BrokenPipe|Connection|SSL)[A-Za-z]*Error$|^gaierror$")
_NO_WAY = re.compile("no route to host|unreachable", re.IGNORECASE)
RISING = frozenset({"RequestCancelled", "RequestFailed", "RequestTimeout", "ServiceUnavailable"})
"""What a call raises: of what it called more is to be told than of whoever called it."""
_MEANT = re.compile(
    "Already|Conflict|Denied|Disabled|DoesNotExist|Duplicate|Exists|Expired|Forbidden|Insufficient|Invalid|Limit|Locked"
    "|Maintenance|Missing|NotAllowed|NotFound|Quota|Rejected|Sold|Stock|Throttl|TooMany|Unauthori[sz]ed|Validation"
    "|^(?:Lookup|Value)Error$"
)


def is_of_network(kind: str, error: str) -> bool:
    """Whether it says that another machine, or what is to answer there, cannot be reached."""
    return _OF_NETWORKS.search(kind) is not None or (kind == "OSError" and _NO_WAY.search(error) is not None)


def is_meant(kind: str) -> bool:
    """Whether an exception of that name is how a handler says no: there is no such thing, or not so much of it."""
    return _MEANT.search(kind) is not None
