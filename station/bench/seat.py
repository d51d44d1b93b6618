"""How a slot learns that a hub was seated and taken out. A jig without an I/O board goes by the link alone."""

from __future__ import annotations

import asyncio
from typing import Protocol

from drivers.hub import DeviceIdentity, HubDriver
from station.bench.jig_inputs import Awaits
from station.bench.loop_watch import LoopWatch
from station.domain.reason import Reason


class Seat(Protocol):
    """One slot's seat: presence, start and power, as far as the jig has them."""

    def present(self) -> bool | None:
        """Whether something sits in the slot; None where nothing can tell."""
        ...

    async def is_filled(self) -> bool:
        """Ask now whether something sits in the slot: what `present` says may be older than whoever asks. False where nothing can tell."""
        ...

    @property
    def gives_power(self) -> bool:
        """Whether a hub here has power only where `until_ready` gave it."""
        ...

    @property
    def seconds_powered(self) -> float | None:
        """Seconds since `until_ready` gave power; None where it gave none, had given it before, or the switch has opened since."""
        ...

    def awaits(self) -> Awaits | None:
        """Say what a hub that is known to sit here waits for before it can say who it is."""
        ...

    async def until_awaits_else(self, before: Awaits | None) -> None:
        """Return when `awaits` says something else than `before`; never where nothing can tell."""
        ...

    async def until_ready(self) -> None:
        """Return when work on a seated hub may begin: seated, started as the jig's policy says, powered."""
        ...

    def is_safe(self) -> bool:
        """Whether a hub that got its power may be begun with: a lid may have been opened since, or a board lost."""
        ...

    async def until_safe(self) -> None:
        """Return when `is_safe`, or when that is nothing to wait for: nothing sits here, or the jig is stopped."""
        ...

    async def until_powered(self) -> None:
        """Return when a hub that was begun with here has its power again, or is not to get it: none sits, or a stop."""
        ...

    async def until_removed(self, driver: HubDriver, hub: DeviceIdentity | None) -> None:
        """Return when switch or link says that `hub` no longer sits in the slot as it did. Nothing is cut yet."""
        ...

    async def let_go(self) -> None:
        """Take the power from a slot that is empty by now, and leave any other as it is."""
        ...

    @property
    def openings(self) -> int:
        """How often the switch was seen to open, since the start."""
        ...

    @property
    def opened(self) -> bool:
        """Whether the switch has opened since `until_ready` returned or the hub was vouched for.

        It may be closed again by now, over another hub.
        """
        ...

    async def until_opened(self) -> None:
        """Return when `opened`; never where nothing can tell."""
        ...

    def vouch(self, openings: int) -> None:
        """Learn that the very hub has answered a question put when there had been so many openings.

        A switch that is open nevertheless is doubted until it moves again; nothing is cut.
        """
        ...

    async def until_emptied(self) -> None:
        """Return when the jig sees that nothing sits in the slot any more; never where nothing can tell."""
        ...

    async def until_filled(self) -> None:
        """Return when the jig no longer sees that nothing sits in the slot; at once where nothing can tell."""
        ...

    def doubt(self) -> Reason | None:
        """Say what speaks against a hub that seems to sit in the slot; None if nothing does."""
        ...

    async def until_doubt_changes(self) -> None:
        """Return when `doubt` says something else; never where nothing can tell."""
        ...

    @property
    def gaps(self) -> int:
        """How often it was not watched what sits here, or the switch moved, since the start.

        A hub that was recognised before the newest gap may be another by now: it is to be asked again before
        anything is said of it.
        """
        ...

    async def until_gap(self, after: int) -> None:
        """Return when `gaps` is more than `after`."""
        ...

    @property
    def stopped(self) -> bool:
        """Whether the jig's emergency stop was pressed and no person has reset the jig since."""
        ...

    async def until_stopped(self) -> None:
        """Return when the jig is stopped; never where it has no emergency stop."""
        ...

    async def until_reset(self) -> None:
        """Return when the jig is not stopped."""
        ...

    async def power_cycle(self) -> bool:
        """Switch the hub off and on; return whether that could be done. Never while its flash may be written."""
        ...


class LinkSeat:
    """The seat of a jig without a board: presence is whether the hub answers."""

    def __init__(self, loop_watch: LoopWatch) -> None:
        self._loop_watch = loop_watch

    def present(self) -> bool | None:
        """Say None: a hub that does not answer may be dead or gone."""
        return None

    async def is_filled(self) -> bool:
        """Say False: only the hub itself can tell."""
        return False

    @property
    def gives_power(self) -> bool:
        """Say False: a hub has power from the moment it is seated."""
        return False

    @property
    def seconds_powered(self) -> float | None:
        """Say None: nothing tells when a hub was seated."""
        return None

    def awaits(self) -> Awaits | None:
        """Say None: nobody knows of a hub before it answers."""
        return None

    async def until_awaits_else(self, before: Awaits | None) -> None:  # noqa: ARG002 - nothing is ever awaited
        """Wait without end."""
        await asyncio.Event().wait()

    async def until_ready(self) -> None:
        """Return at once; the driver waits for the hub."""

    def is_safe(self) -> bool:
        """Say True: nothing here tells that a hub has to wait."""
        return True

    async def until_safe(self) -> None:
        """Return at once."""

    async def until_powered(self) -> None:
        """Return at once: nothing here takes a hub's power."""

    async def until_removed(self, driver: HubDriver, hub: DeviceIdentity | None) -> None:
        """Let the driver watch the link."""
        await driver.wait_for_removal(hub)

    async def let_go(self) -> None:
        """Do nothing: nothing here switches power."""

    @property
    def openings(self) -> int:
        """Say 0: there is no switch."""
        return 0

    @property
    def opened(self) -> bool:
        """Say False: there is no switch."""
        return False

    async def until_opened(self) -> None:
        """Wait without end."""
        await asyncio.Event().wait()

    def vouch(self, openings: int) -> None:
        """Do nothing: there is no switch."""

    async def until_emptied(self) -> None:
        """Wait without end."""
        await asyncio.Event().wait()

    async def until_filled(self) -> None:
        """Return at once: nothing tells that the slot is empty."""

    def doubt(self) -> Reason | None:
        """Say None: there is nothing that two things could say differently."""
        return None

    async def until_doubt_changes(self) -> None:
        """Wait without end."""
        await asyncio.Event().wait()

    @property
    def gaps(self) -> int:
        """How often the station was held up; the link itself is the driver's to watch."""
        return self._loop_watch.gaps

    async def until_gap(self, after: int) -> None:
        """Wait until the station was held up once more."""
        await self._loop_watch.until_gap(after)

    @property
    def stopped(self) -> bool:
        """Say False: there is no emergency stop that the station knows of."""
        return False

    async def until_stopped(self) -> None:
        """Wait without end."""
        await asyncio.Event().wait()

    async def until_reset(self) -> None:
        """Return at once."""

    async def power_cycle(self) -> bool:
        """Say that nothing was done: nothing here switches power."""
        return False
