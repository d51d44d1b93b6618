"""An order's file held against the order: which lines a new revision adds, withdraws and changes, and whether it may. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from firmware_catalog.identity import Eui64
from station.domain.actor import Actor
from station.domain.order_line import ListedDevice
from station.orders.csv_import import OrderFile
from station.orders.errors import OrderRefused
from station.records.facts.order_revisions import OrderRevised, Revision
from station.records.facts.orders import OrderSummary

MOST_LINES: Final = 5000
"""So many lines a revision touches at most: they are one step in the journal, for which all others wait."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a new revision of an order's file says otherwise than the order."""

    added: tuple[ListedDevice, ...]
    changed: tuple[tuple[ListedDevice, ListedDevice], ...]
    """As they are, and as they are to be. A line is its hub's by CHF id."""
    withdrawn: tuple[ListedDevice, ...]

    @property
    def lines(self) -> int:
        """How many lines it touches."""
        return len(self.added) + len(self.changed) + len(self.withdrawn)


def changes_of(before: ListedDevice, now: ListedDevice) -> str:
    """Say in which fields a line is changed."""
    old, new = before.model_dump(mode="json"), now.model_dump(mode="json")
    fields = dict.fromkeys((*old, *new))
    return ", ".join(
        f"{field}: {old.get(field)} to {new.get(field)}"
        for field in fields
        if old.get(field) != new.get(field)
    )


def difference(file: OrderFile, lines: Iterable[ListedDevice]) -> Difference:
    """Hold a file against the lines that its order has."""
    before: dict[Eui64, ListedDevice] = {line.device_id: line for line in lines}
    now = {line.device_id: line for line in file.lines}
    return Difference(
        added=tuple(line for chf, line in now.items() if chf not in before),
        changed=tuple(
            (before[chf], line) for chf, line in now.items() if chf in before and before[chf] != line
        ),
        withdrawn=tuple(line for chf, line in before.items() if chf not in now),
    )


def require_revision(
    file: OrderFile, order: OrderSummary, revisions: Sequence[Revision], lines: Sequence[ListedDevice]
) -> Difference:
    """Return what a file changes in an order. Raises OrderRefused where it may not: the message says why, and what to do."""
    number = file.number
    if order.closed is not None:
        raise OrderRefused(
            f"order {number} is closed ({order.closed}): what is over is not amended; give a new order"
        )
    for earlier in revisions[:-1]:
        if earlier.sha256 == file.sha256:
            raise OrderRefused(
                f"{file.source} is revision {earlier.revision} of order {number}, which revision {revisions[-1].revision}"
                " has amended since: take the newest file"
            )
    families = {line.ids.kind.family for line in (*file.lines, *lines)}
    if len(families) > 1:
        raise OrderRefused(
            f"{file.source} is of {file.lines[0].ids.kind.family}s, order {number} of {lines[0].ids.kind.family}s: "
            "nothing is on an order of the other; give it a number of its own"
        )
    found = difference(file, lines)
    if len(found.withdrawn) == len(lines):
        raise OrderRefused(
            f"{file.source} lists no {lines[0].ids.kind.family} of order {number}: it is another order's file; correct its number"
        )
    owners = {line.owner for line in lines}
    others = {line.owner for line in found.added} - owners
    others |= {line.owner for before, line in found.changed if line.owner != before.owner}
    if others:
        raise OrderRefused(
            f"{file.source} is for {', '.join(sorted(others))}, order {number} for {', '.join(sorted(owners))}: "
            "hubs go back to the party that sent them; give them an order of their own"
        )
    if found.lines > MOST_LINES:
        raise OrderRefused(
            f"{file.source} touches {found.lines} lines of order {number}, a revision at most {MOST_LINES}: "
            "close the order, and give a new one"
        )
    return found


def event_of_revision(
    file: OrderFile,
    found: Difference,
    revisions: Sequence[Revision],
    reason: str,
    actor: Actor,
) -> OrderRevised:
    """Amend an order. Raises OrderRefused for an empty reason."""
    if not reason.strip():
        raise OrderRefused(f"order {file.number} is amended with a reason only: state one")
    return OrderRevised(
        order=file.number,
        revision=revisions[-1].revision + 1,
        source=file.source,
        sha256=file.sha256,
        amends=revisions[-1].sha256,
        hubs=len(file.lines),
        added=found.added,
        changed=tuple(line for _, line in found.changed),
        withdrawn=tuple(line.device_id for line in found.withdrawn),
        reason=reason.strip(),
        actor=actor,
    )
