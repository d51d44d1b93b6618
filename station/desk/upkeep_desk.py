"""The upkeep of jigs at the desk: what is recorded as new or done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from station.desk.act import Act
from station.desk.desk import Handlers
from station.desk.refusals import Invalid, NotFound
from station.desk.upkeep_requests import JigIsServiced, ServiceJig
from station.places.settings import JigSettings
from station.records.facts.upkeep import InsertionsCounted, JigServiced


class CountingJig(Protocol):
    """A jig whose board may count insertions."""

    async def insertions(self) -> InsertionsCounted | None:
        """Ask the board; None where it does not say."""
        ...


@dataclass(frozen=True, slots=True)
class UpkeepDesk:
    """Answers what is done about jigs that wear."""

    settings: Iterable[JigSettings]
    jigs: Mapping[str, CountingJig] = field(default_factory=dict)
    """Those with a board."""

    def handlers(self) -> Handlers:
        """Return what it answers."""
        return {ServiceJig: self._service}

    async def _service(self, request: ServiceJig, act: Act) -> JigIsServiced:
        jig, what = request.jig, request.what
        slots = self._slots(request)
        # What the board counts from here is the new part's.
        counting = self.jigs.get(jig) if slots else None
        counted = None if counting is None else await counting.insertions()
        done = (
            f"replaced in slot{'s' if len(slots) > 1 else ''} {', '.join(map(str, slots))}"
            if slots
            else "done"
        )
        answer = JigIsServiced(line=f"{jig}: {what} {done}; counted from here")
        await act.recording(answer).append(
            *(() if counted is None else (counted,)),
            JigServiced(jig=jig, slots=slots, what=what, actor=act.actor),
        )
        return answer

    def _slots(self, request: ServiceJig) -> tuple[int, ...]:
        """Return the slots that have something new; none for a check of the whole jig."""
        jig = next((each for each in self.settings if each.name == request.jig), None)
        if jig is None:
            raise NotFound(f"there is no jig {request.jig} on this bench")
        item = next((each for each in jig.service if each.what == request.what), None)
        if item is None:
            known = ", ".join(each.what for each in jig.service) or "nothing"
            raise NotFound(
                f"{jig.name} has no {request.what} under [[jigs.service]] of the configuration; it has {known}"
            )
        if item.until is not None:
            raise Invalid(
                f"the last good day of {item.what} is its certificate's: write the new one into the configuration of {jig.name}"
            )
        if not item.of_each_slot:
            if request.slots:
                raise Invalid(f"{item.what} is done for all of {jig.name} at once: name no slot")
            return ()
        if strangers := set(request.slots) - jig.slots.keys():
            raise NotFound(f"{jig.name} has no slot {', '.join(map(str, sorted(strangers)))}")
        return tuple(sorted(set(request.slots) or jig.slots))
