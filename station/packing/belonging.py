"""Where a hub belongs, by what is durably known of it, and why a place does not take it.

The one rule: a hub belongs into a carton only by its last result in the order. Everything else is refused with where the
hub must go. Which hubs a person has to look at is the word of their slot (`domain.next_step`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from firmware_catalog.devices import Family
from firmware_catalog.identity import FirmwareVersion
from station.domain.destination import Destination
from station.domain.next_step import to_do
from station.domain.outcome import Code, Disposition, Outcome
from station.domain.phase import SlotPhase
from station.domain.to_do import ToDo
from station.packing.codes import carton_code

_CRATES: Final = {Disposition.REWORK: Destination.REWORK, Disposition.SCRAP: Destination.SCRAP}

_GOES_TO: Final = {
    Destination.CARTON: "it goes into a carton",
    Destination.REWORK: "it goes to rework",
    Destination.SCRAP: "it goes to scrap, which a supervisor confirms",
    Destination.QUARANTINE: "it goes to quarantine",
    Destination.PARTY: "it goes back to its party, as it came",
    Destination.MAKER: "it goes back to its maker",
    None: "it goes into a slot",
}
_STAYS: Final = "it stays at the bench"


@dataclass(frozen=True, slots=True)
class Result:
    """The newest durable result of a hub that counts here."""

    order: str | None
    outcome: Outcome
    code: Code | None
    disposition: Disposition | None
    unsettled: str | None
    """What could not be put right about the hub."""
    mislabelled: bool
    """The label scanned for it is another's."""
    firmware: FirmwareVersion | None
    """What it said last that it runs; None where the record does not have it."""


@dataclass(frozen=True, slots=True)
class Stand:
    """A place in which a hub was put and that it has not left since."""

    place: Destination
    carton: int | None

    @property
    def code(self) -> str | None:
        """Of the carton."""
        return None if self.carton is None else carton_code(self.carton)

    def __str__(self) -> str:
        match self.place:
            case Destination.CARTON if self.carton is not None:
                return f"in carton {carton_code(self.carton)}"
            case Destination.PARTY:
                return "with those that go back to their party"
            case Destination.MAKER:
                return "with those that go back to their maker"
            case _:
                return f"in {self.place}"


@dataclass(frozen=True, slots=True)
class SetMate:
    """Another bridge of a bridge's set."""

    bridge: str
    rule: Belongs
    stands: Stand | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownHub:
    """What the journal knows of a hub at one moment, seen from one order."""

    hub: str
    """Its CHF id; what its label says where nobody knows that."""
    order: str | None
    """The order that it is put somewhere for; None where no open order is about it."""
    listed: bool
    """Whether the order lists it."""
    at_work: str | None
    """The slot in which it is being worked on."""
    unfinished: str | None
    """The slot in which it was last seen by an attempt that has no result."""
    last: Result | None
    touched: bool
    """Whether it was ever begun with for this order, whatever came of it."""
    stands: Stand | None
    golden: bool = False
    """Whether it stays at the bench, to check slots with."""
    family: Family = Family.HUB
    mates: tuple[SetMate, ...] = ()
    """The other bridges of a bridge's set."""

    def __str__(self) -> str:
        return f"{self.family} {self.hub}"


@dataclass(frozen=True, slots=True)
class Belongs:
    """Where a hub belongs, None for a slot, and why."""

    to: Destination | None
    why: str
    stays: bool = False
    """It goes nowhere, then, and into a slot when one is to be checked."""

    def __str__(self) -> str:
        return f"{self.why}: {_STAYS if self.stays else _GOES_TO[self.to]}"


def belongs(known: KnownHub) -> Belongs:
    """Say where a hub belongs, wherever it is now."""
    last = known.last
    if known.golden:
        return Belongs(None, "it is a golden hub", stays=True)
    if known.at_work is not None:
        return Belongs(None, f"it is being worked on in {known.at_work}")
    if known.unfinished is not None:
        return Belongs(None, f"it left {known.unfinished} before it was done")
    if not known.listed:
        what = "no open order lists it" if known.order is None else f"order {known.order} does not list it"
        return Belongs(Destination.QUARANTINE, what)
    if last is None:
        return Belongs(None, f"it has no result in order {known.order}")
    if last.order != known.order:
        return Belongs(None, f"it was worked on for {_order(last.order)} since its last result here")
    return _by_result(last)


def _by_result(last: Result) -> Belongs:
    if last.outcome in {Outcome.PASSED, Outcome.ALREADY_CURRENT} or (
        last.outcome is Outcome.REJECTED and last.code is Code.ALREADY_PASSED
    ):
        if last.unsettled is not None:
            return Belongs(Destination.QUARANTINE, f"it passed, but it {last.unsettled}")
        if last.mislabelled:
            return Belongs(Destination.QUARANTINE, "the label scanned for it is another hub's")
        if last.firmware is None:
            return Belongs(None, "the record does not have the version that it runs")
        return Belongs(
            Destination.CARTON,
            "it passed" if last.outcome is not Outcome.ALREADY_CURRENT else "it is current",
        )
    what = f"its last result is {last.outcome.value}" + (
        f" ({last.code.replace('_', ' ')})" if last.code else ""
    )
    if last.disposition in _CRATES:
        return Belongs(_CRATES[last.disposition], what)
    phase = SlotPhase.REJECTED if last.outcome is Outcome.REJECTED else SlotPhase.FAILED
    if last.code is None or to_do(phase, last.code, last.code, last.disposition) is not ToDo.HOLD:
        return Belongs(None, what)
    untouched = last.code is Code.NOT_PENDING and last.outcome is Outcome.REJECTED
    return Belongs(Destination.PARTY if untouched else Destination.QUARANTINE, what)


def refusal(known: KnownHub, to: Destination, *, decided: bool) -> str | None:
    """Say in one line why this place does not take the hub; None where it does.

    `decided` is a supervisor's decision with a reason: it may put a hub aside against the rule, and never into a carton.
    Whether the hub is somewhere else already is for the caller: see `elsewhere`.
    """
    rule = belongs(known)
    if known.at_work is not None:
        return f"{known} is being worked on in {known.at_work}; wait for its result"
    if rule.to is to and (to is not Destination.SCRAP or decided):
        return None
    if rule.to is Destination.SCRAP is to:
        return f"{known}: {rule.why}; a supervisor confirms scrap, with a reason"
    if rule.stays:
        return (
            f"{known} does not go {_into(to)}: {rule}; a supervisor retires it first (reflash golden retire)"
        )
    if not decided or to is Destination.CARTON:
        return f"{known} does not go {_into(to)}: {rule}"
    if to is Destination.PARTY and not _as_it_came(known):
        return f"{known} does not go back to its party as it came: it was begun with; {rule}"
    return None


def parted(known: KnownHub, carton: int | None) -> str | None:
    """Say in one line why a bridge does not go into this carton without its set; None where it does, or is a hub.

    A set is packed together. Only a supervisor, with a reason, parts it.
    """
    for mate in known.mates:
        stands = mate.stands
        if stands is not None and stands.place is Destination.CARTON and stands.carton is not None:
            if stands.carton != carton:
                return f"{known} is of a set that carton {carton_code(stands.carton)} holds: it goes in there"
        elif mate.rule.to is not Destination.CARTON or stands is not None:
            why = mate.rule.why if stands is None else f"it is {stands}"
            return (
                f"{known} is packed with its set, and bridge {mate.bridge} of it is not ready ({why}): keep them "
                "together; a supervisor alone parts them (reflash hubs put)"
            )
    return None


def elsewhere(known: KnownHub, to: Destination, carton: int | None) -> str | None:
    """Say in one line that the hub stands in a place already, and what that means; None where it stands in none."""
    if known.stands is None:
        return None
    if known.stands == Stand(to, carton):
        return f"{known} is {known.stands} already; nothing was changed"
    if known.stands.place is Destination.CARTON and known.stands.carton is not None:
        code = carton_code(known.stands.carton)
        return (
            f"{known} is in carton {code} by the books: if you hold it, that carton lacks it or holds another in its place; "
            f"put the hub aside, and hold the carton (reflash cartons hold {code})"
        )
    return f"{known} is {known.stands} already; a supervisor decides where else it goes (reflash hubs put)"


def _as_it_came(known: KnownHub) -> bool:
    return not known.touched and known.unfinished is None


def _into(to: Destination) -> str:
    return {
        Destination.CARTON: "into a carton",
        Destination.PARTY: "back to its party",
        Destination.MAKER: "back to its maker",
    }.get(to, f"to {to}")


def _order(number: str | None) -> str:
    return "no order" if number is None else f"order {number}"
