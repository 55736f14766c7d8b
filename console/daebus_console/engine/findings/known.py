"""What somebody knows of already: findings that are hidden until they change. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daebus_console.engine.findings.finding import Finding, Severity

MOST = 1_000
_LONGEST = 500


@dataclass(frozen=True)
class Mark:
    """That a finding is known: with which note, and how it was then. `count` is None where it was not there then."""

    note: str
    severity: Severity
    count: int | None
    what: str = ""
    """Where it was, for whoever reads the list."""

    def hides(self, finding: Finding) -> bool:
        """Whether it is still as it was: seen no more often, and not graver."""
        return finding.severity <= self.severity and (self.count is None or finding.count <= self.count)

    def as_json(self) -> dict[str, Any]:
        """As it is kept in a file."""
        return {"note": self.note, "severity": self.severity.word, "count": self.count, "what": self.what}


class Known:
    """Marks by the `id` of the finding."""

    def __init__(self, marks: Mapping[str, Mark] | None = None) -> None:
        self.marks: dict[str, Mark] = dict(marks or {})

    def mark_of(self, finding: Finding) -> Mark | None:
        """The mark that hides that finding; None where it is to be shown."""
        mark = self.marks.get(finding.id)
        return mark if mark is not None and mark.hides(finding) else None

    @classmethod
    def from_json(cls, found: Any) -> Known:
        """The marks of a file; whatever is none is passed over."""
        marks = {}
        for name, one in list(found.items() if isinstance(found, dict) else ())[:MOST]:
            if not isinstance(one, dict) or not isinstance(name, str):
                continue
            words = {severity.word: severity for severity in Severity}
            severity, count = words.get(str(one.get("severity"))), one.get("count")
            if severity is not None and (count is None or (isinstance(count, int) and not isinstance(count, bool))):
                texts = [str(one.get(key, ""))[:_LONGEST] for key in ("note", "what")]
                marks[name] = Mark(texts[0], severity, count, texts[1])
        return cls(marks)

    def as_json(self) -> dict[str, Any]:
        """As they are kept in a file."""
        return {name: mark.as_json() for name, mark in self.marks.items()}


def mark_for(finding: Finding | None, note: str) -> Mark:
    """The mark for a finding as it is now; for one that is not there, one that hides it whatever comes."""
    note = note[:_LONGEST]
    if finding is None:
        return Mark(note, max(Severity), None)
    what = " ".join(part for part in (finding.rule, finding.service, finding.action) if part)
    return Mark(note, finding.severity, finding.count, what[:_LONGEST])
