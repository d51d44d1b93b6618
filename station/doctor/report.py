"""What a check-up found. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """The station works, but not as it should; or something could not be looked at."""
    FAULT = "fault"
    """The station, or a part of the bench, cannot work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    verdict: Verdict
    where: str
    what: str
    advice: str | None = None
    """What to do about it; None where nothing is to be done, or where `what` already says so."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f"; {self.advice}" if self.advice else "")

    def as_json(self) -> dict[str, Any]:
        """Return the finding for a script."""
        return asdict(self)


def ok(where: str, what: str) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding(Verdict.OK, where, what)


def warning(where: str, what: str, advice: str | None = None) -> Finding:
    """Return a finding that somebody should see to."""
    return Finding(Verdict.WARNING, where, what, advice)


def fault(where: str, what: str, advice: str | None = None) -> Finding:
    """Return a finding that somebody must see to."""
    return Finding(Verdict.FAULT, where, what, advice)


def told_together(findings: Iterable[Finding]) -> list[Finding]:
    """Tell once what was found in several places, with all of them."""
    together: dict[Finding, list[str]] = {}
    for finding in findings:
        together.setdefault(replace(finding, where=""), []).append(finding.where)
    return [replace(finding, where=", ".join(where)) for finding, where in together.items()]
