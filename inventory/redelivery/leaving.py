"""Says whether goods may leave, and if not, why. Pure.

Hubs go back only to the party that sent them (MP155, A-001), as the bench packed them, each with what it said last that it runs. What is
not known does not leave.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from station.domain.destination import Destination
from station.domain.outcome import SUCCESSES


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub of the order, and what is known of it. `chf` is its CHF id."""

    chf: str
    received: bool
    """It was accepted at delivery, from this party, for this order."""
    cancelled: bool
    outcome: str | None
    """Of the result that counts for this order; None: never worked on."""
    firmware: str | None
    """What it said last that it runs."""
    place: str | None
    """Where the bench has it."""
    gone: str | None
    """What became of it on its way, if it left before; what was refused at its door came back."""
    held: str | None
    """Why it is held from going back."""


@dataclass(frozen=True, slots=True)
class Carton:
    """A carton as the bench told it, and what is in it by its books."""

    code: str
    source: str
    state: str
    owner: str | None
    firmware: str | None
    """What each hub in it ran when it was packed; None of bridges, which run `of_bridges`."""
    of_bridges: Mapping[str, str]
    """What each bridge in it ran when it was packed, by its id; empty of hubs."""
    hubs: int
    pallet: str | None
    recalled: bool
    inside: Sequence[str]
    """CHF ids."""


@dataclass(frozen=True, slots=True)
class Pallet:
    """A pallet as the bench told it, and the cartons that say that they stand on it."""

    code: str
    source: str
    state: str
    cartons: int
    on_it: Sequence[Carton]


def why_not_pallet(pallet: Pallet) -> Iterator[str]:
    """Yield what speaks against a pallet as a whole."""
    if pallet.state != "closed":
        yield f"pallet {pallet.code} is {pallet.state} at the bench"
    if pallet.cartons != len(pallet.on_it):
        yield f"pallet {pallet.code} has {pallet.cartons} cartons, and {len(pallet.on_it)} are known by code"


def why_not_carton(
    carton: Carton, party: str, hubs: Mapping[str, Hub], *, on_pallet: str | None
) -> Iterator[str]:
    """Yield what speaks against a carton, or a hub in it. `on_pallet`: the pallet with which it leaves."""
    name = f"carton {carton.code}"
    if carton.state != "closed":
        yield f"{name} is {carton.state} at the bench"
    if carton.recalled:
        yield f"{name} is recalled: its release was withdrawn"
    if carton.owner != party:
        yield f"{name} is not this party's by the bench's books"
    if carton.pallet != on_pallet:
        yield f"{name} stands on pallet {carton.pallet}: send that, or have it taken off"
    if carton.hubs != len(carton.inside):
        yield f"{name} has {carton.hubs} hubs, and {len(carton.inside)} are known by id"
    for chf in carton.inside:
        hub = hubs.get(chf)
        if hub is None:
            yield f"{name}: {chf} is not on this order"
            continue
        if hub.outcome not in SUCCESSES:
            yield f"{name}: {chf} has no result that it is done"
        packed = carton.of_bridges.get(chf, carton.firmware)
        if hub.firmware is None or hub.firmware != packed:
            yield f"{name}: {chf} said last that it runs {hub.firmware}, the carton is one of {packed}"
        yield from _why_not(hub, name)


def why_not_alone(hub: Hub) -> Iterator[str]:
    """Yield what speaks against a hub that leaves as it came: in no carton, since nothing was written to it."""
    if hub.place not in (None, Destination.PARTY):
        yield f"{hub.chf} is in {hub.place} at the bench"
    elif hub.place is None and hub.outcome is not None and not hub.cancelled:
        yield f"{hub.chf} was worked on, and is in none of the bench's places: scan it there"
    yield from _why_not(hub, "by itself")


def _why_not(hub: Hub, where: str) -> Iterator[str]:
    if not hub.received:
        yield f"{where}: {hub.chf} was never received for this order"
    if hub.gone not in (None, "refused"):
        yield f"{where}: {hub.chf} has left already ({hub.gone})"
    if hub.held is not None:
        yield f"{where}: {hub.chf} is held: {hub.held}"
