"""Ids of requests: random, 128 bits, as 32 hexadecimal digits."""

from __future__ import annotations

import os
import random

# Asking the system for each would let go of the interpreter in the middle of a call, and where many threads call,
# getting it back costs more than the rest of the id. `random.seed` of a program does not reach this one.
_random = random.Random()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)


def new_request_id() -> str:
    """An id that no other request has. No secret: whoever may subscribe sees it."""
    return f"{_random.getrandbits(128):032x}"
