"""The program `daebus`: runs the service of a module, looks whether it could be run, begins a new one.

Law of this room: it stands above everything else of the framework, which knows nothing of it. Whatever is wrong with
what was asked for is said in a line (`Mistake`), with its place.
"""

from __future__ import annotations

from .program import main

__all__ = ["main"]
