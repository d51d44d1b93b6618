"""An order held against its own manifest: which hubs have a result, where each was put, which are missing, which never came.

Nothing of an order goes upstream before this: a broker's acknowledgement is not the consumer's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from firmware_catalog.identity import Eui64
from station.domain.destination import Destination
from station.domain.order_line import ListedDevice
from station.domain.outcome import Outcome
from station.records.facts.history import OpenAttempt
from station.records.facts.order_revisions import WithdrawnLine
from station.records.facts.orders import OrderLineState, OrderSummary
from station.records.facts.packed import Carton, Placing


@dataclass(frozen=True, slots=True)
class OpenHub:
    """A hub of the order whose attempt has no result yet."""

    line: ListedDevice
    attempt: OpenAttempt

    def __str__(self) -> str:
        if self.attempt.lost:
            return f"find {self.line.ids}: it left {self.attempt.place} before it was done"
        if self.attempt.interrupted is not None:
            return f"{self.line.ids} waits in {self.attempt.place} ({self.attempt.interrupted})"
        return f"{self.line.ids} is being worked on in {self.attempt.place}"


@dataclass(frozen=True, slots=True)
class Standing:
    """How many hubs of an order stand where."""

    results: Mapping[Outcome, int]
    """By the outcome that counts for the order; outcomes that no hub had are left out."""
    open: tuple[OpenHub, ...]
    never_seen: int
    unattributed: tuple[OpenAttempt, ...]
    """Open attempts made for the order on hubs that it does not list, or that could not be told."""
    places: Mapping[Destination, int] = field(default_factory=dict)
    """Hubs of the order by the place that they were scanned into."""
    missing: int = 0
    """Hubs of the order that stand in no place."""
    unfinished: tuple[str, ...] = ()
    """Cartons of the order that are open with hubs in them, or held."""
    withdrawn: int = 0
    """Hubs of withdrawn lines that were seen on this bench and are yet to be put aside."""

    @property
    def complete(self) -> bool:
        """Whether every hub of the order is in its place, nothing made for it stands open, and its cartons are finished."""
        return not (self.open or self.unattributed or self.missing or self.unfinished or self.withdrawn)

    def __str__(self) -> str:
        counts = [f"{hubs} {outcome.replace('_', ' ')}" for outcome, hubs in self.results.items()]
        counts += [f"{len(self.open)} open", f"{self.never_seen} never seen"]
        if self.unattributed:
            counts.append(f"{len(self.unattributed)} open on what the order does not list")
        where = [f"{hubs} {_WHERE[place]}" for place, hubs in self.places.items()]
        where.append(f"{self.missing} in no place")
        if self.unfinished:
            where.append(f"not finished: {', '.join(self.unfinished)}")
        if self.withdrawn:
            where.append(f"{self.withdrawn} withdrawn and not in quarantine")
        return f"{', '.join(counts)}; {', '.join(where)}"


_WHERE = {
    Destination.CARTON: "in cartons",
    Destination.REWORK: "in rework",
    Destination.SCRAP: "scrapped",
    Destination.QUARANTINE: "in quarantine",
    Destination.PARTY: "back to their party",
    Destination.MAKER: "back to their maker",
}


def unfinished_of(cartons: Iterable[Carton]) -> tuple[str, ...]:
    """Name the cartons that stand in the way of the end of their order."""
    return tuple(
        carton.code
        for carton in cartons
        if carton.state == "held" or (carton.state == "open" and carton.hubs)
    )


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Where each hub of an order stands. Every line of the order is in exactly one place."""

    results: Mapping[Outcome, tuple[ListedDevice, ...]]
    open: tuple[OpenHub, ...]
    never_seen: tuple[ListedDevice, ...]
    unattributed: tuple[OpenAttempt, ...]
    placed: Mapping[Eui64, Placing] = field(default_factory=dict)
    """Where the order's own hubs were put, by CHF id."""
    missing: tuple[ListedDevice, ...] = ()
    """Hubs of the order that stand in no place."""
    strangers: tuple[Placing, ...] = ()
    """Hubs put somewhere for the order that it does not list."""
    cartons: tuple[Carton, ...] = ()
    withdrawn: tuple[WithdrawnLine, ...] = ()
    """Lines that were withdrawn by a revision of the order."""

    @property
    def standing(self) -> Standing:
        """How many hubs stand where."""
        places = Counter(placing.stand.place for placing in self.placed.values())
        return Standing(
            results={outcome: len(lines) for outcome, lines in self.results.items()},
            open=self.open,
            never_seen=len(self.never_seen),
            unattributed=self.unattributed,
            places={place: places[place] for place in Destination if place in places},
            missing=len(self.missing),
            unfinished=unfinished_of(self.cartons),
            withdrawn=sum(line.to_put_aside for line in self.withdrawn),
        )

    @property
    def complete(self) -> bool:
        """Whether every hub of the order is in its place, nothing made for it stands open, and its cartons are finished."""
        return self.standing.complete

    def __str__(self) -> str:
        return str(self.standing)


def standing_of(
    order: OrderSummary,
    open_attempts: Iterable[tuple[OpenAttempt, OrderLineState | None]],
    places: Mapping[Destination, int],
    cartons: Iterable[Carton],
    withdrawn: int = 0,
) -> Standing:
    """Say how many hubs of the order stand where, without a look at each.

    `open_attempts` are those made for the order, oldest first, with the line that each is about; `places` count its own
    hubs that were put somewhere; `withdrawn` counts those of withdrawn lines that are yet to be put aside.
    """
    results = dict(order.outcomes)
    still_open: dict[Eui64, OpenHub] = {}
    unattributed: list[OpenAttempt] = []
    for attempt, state in open_attempts:
        if state is None:
            unattributed.append(attempt)
            continue
        before = still_open.get(state.line.device_id)
        if before is not None:
            unattributed.append(
                before.attempt
            )  # of two open attempts on a hub the newer is the one to go on with
        elif state.outcome is not None:
            results[state.outcome] -= 1
        still_open[state.line.device_id] = OpenHub(state.line, attempt)
    return Standing(
        results={outcome: results[outcome] for outcome in Outcome if results.get(outcome)},
        open=tuple(still_open[chf] for chf in sorted(still_open)),
        never_seen=order.hubs - sum(results.values()) - len(still_open),
        unattributed=tuple(sorted(unattributed, key=lambda attempt: attempt.attempt)),
        places=places,
        missing=order.hubs - sum(places.values()),
        unfinished=unfinished_of(cartons),
        withdrawn=withdrawn,
    )


def reconcile(
    order: str,
    lines: Iterable[OrderLineState],
    open_attempts: Iterable[OpenAttempt],
    placed: Iterable[Placing] = (),
    cartons: Iterable[Carton] = (),
    withdrawn: Iterable[WithdrawnLine] = (),
) -> Reconciliation:
    """Hold the order's lines against the open attempts, and against where hubs were put for it.

    Attempts made for other orders are left out.

    A hub that never said who it is stands where its label puts it, by either id.

    An open attempt counts above an earlier result: what the hub runs is not known until it is closed.
    """
    by_device: dict[Eui64, OpenAttempt] = {}
    unmatched: dict[int, OpenAttempt] = {}
    for attempt in open_attempts:
        if attempt.order == order:
            unmatched[attempt.attempt] = attempt
            by_device.update(dict.fromkeys(ids_of(attempt), attempt))
    results: dict[Outcome, list[ListedDevice]] = {}
    still_open: list[OpenHub] = []
    never_seen: list[ListedDevice] = []
    missing: list[ListedDevice] = []
    strangers = {placing.hub: placing for placing in placed}
    own: dict[Eui64, Placing] = {}
    for state in lines:
        line = state.line
        if (placing := strangers.pop(line.device_id, None)) is not None:
            own[line.device_id] = placing
        else:
            missing.append(line)
        made_on_it = [by_device[device] for device in line.ids.every if device in by_device]
        attempt_on_it = max(made_on_it, key=lambda made: made.attempt, default=None)
        if attempt_on_it is not None:
            still_open.append(OpenHub(line, attempt_on_it))
            unmatched.pop(attempt_on_it.attempt, None)
        elif state.outcome is not None:
            results.setdefault(state.outcome, []).append(line)
        else:
            never_seen.append(line)
    return Reconciliation(
        results={outcome: tuple(results[outcome]) for outcome in Outcome if outcome in results},
        open=tuple(still_open),
        never_seen=tuple(never_seen),
        unattributed=tuple(unmatched.values()),
        placed=own,
        missing=tuple(missing),
        strangers=tuple(strangers.values()),
        cartons=tuple(cartons),
        withdrawn=tuple(withdrawn),
    )


def ids_of(attempt: OpenAttempt) -> tuple[Eui64, ...]:
    """Return the ids that tell whose attempt it is: the hub's own word, else the label's."""
    if attempt.hub is not None:
        return attempt.hub.ids.every
    return () if attempt.scanned_id is None else (attempt.scanned_id,)
