"""All that was found so far, by what it is about. Pure and bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from daebus_console.engine.bounded import remember
from daebus_console.engine.filter.writing import numbers
from daebus_console.engine.findings.finding import Finding, Severity

MOST = 500
"""Findings that are kept; what is beyond is counted in `Book.left_out`."""
_MOST_EXCHANGES = 5_000

Key = tuple[str, str, str, str]


class Book:
    """The findings, and which exchange is evidence for which of them. `version` rises with every change."""

    def __init__(self) -> None:
        self.version = 0
        self.left_out = 0
        self._findings: dict[Key, Finding] = {}
        self._of_exchange: dict[int, Finding] = {}

    def __len__(self) -> int:
        return len(self._findings)

    def __iter__(self) -> Iterator[Finding]:
        """What matters most first; of what matters alike what was seen last."""
        return iter(sorted(self._findings.values(), key=lambda one: (-one.severity, -one.last, one.id)))

    def report(
        self,
        rule: str,
        severity: Severity,
        at: float,
        evidence: Iterable[int] = (),
        *,
        service: str = "",
        action: str = "",
        about: str = "",
        text: str,
        because: str,
        advice: str,
        where: str = "",
        count: int = 1,
        since: float | None = None,
    ) -> Finding | None:
        """Something was found at `at`, `count` times; returns its finding, None where there is no room for one more.

        Of several, `at` is the time of the last and `since` that of the first.

        Where no filter is given (`where`) it is that for the evidence. The words of the latest report are kept. A
        finding becomes graver and never milder.
        """
        key = (rule, service, action, about)
        finding = self._findings.get(key)
        if finding is None:
            if len(self._findings) >= MOST:
                self.left_out += 1
                return None
            finding = Finding(rule, severity, service, action, about, text, because, advice, where, at, at)
            self._findings[key] = finding
        finding.severity = max(finding.severity, severity)
        finding.text, finding.because, finding.advice = text, because, advice
        finding.first = min(finding.first, at if since is None else since)
        finding.last = max(finding.last, at)
        finding.count += count
        for number in evidence:
            finding.add(number)
            self._point(number, finding)
        finding.filter = where or numbers(finding.evidence)
        self.version += 1
        return finding

    def retell(self, finding: Finding, text: str, because: str, advice: str) -> None:
        """More is known of it by now: have it say that."""
        finding.text, finding.because, finding.advice = text, because, advice
        self.version += 1

    def of(self, number: int) -> Finding | None:
        """The gravest finding for which the exchange of that number is evidence."""
        return self._of_exchange.get(number)

    def find(self, identity: str) -> Finding | None:
        """The finding with that `id`."""
        return next((one for one in self._findings.values() if one.id == identity), None)

    def _point(self, number: int, finding: Finding) -> None:
        known = self._of_exchange.get(number)
        if known is None or known.severity < finding.severity:
            remember(self._of_exchange, number, finding, _MOST_EXCHANGES)
