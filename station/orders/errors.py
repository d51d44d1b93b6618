"""Why an order, or its file, is not taken. Each says in one line what happened, where, and what to do."""

from __future__ import annotations

from dataclasses import dataclass


class OrderError(Exception):
    """Something asked of a work order cannot be done."""


class OrderRefused(OrderError):
    """The order's life does not allow it: it is unknown, closed, incomplete, or another file's."""


class OrderUnknown(OrderRefused):
    """There is no such order."""


class OrderIncomplete(OrderRefused):
    """Hubs of the order have no result yet."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of an order file."""

    line: int
    """Counted from 1, the line of headings included."""
    what: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}"


class OrderFileRefused(OrderError):
    """The file is not good and nothing of it was taken.

    `problems` holds its first faults, `count` says how many there are in all. The message is one line.
    """

    def __init__(self, source: str, problems: tuple[Problem, ...], count: int) -> None:
        super().__init__(source, problems, count)
        self.source = source
        self.problems = problems
        self.count = count

    def __str__(self) -> str:
        what = f"a problem on {self.problems[0]}"
        if self.count > 1:
            what = f"{self.count} problems, the first on {self.problems[0]}"
        return f"{self.source}: {what}; nothing was imported: correct the file and import it again"
