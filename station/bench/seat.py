"""How a slot learns that a hub was seated and taken out. A jig without an I/O board goes by the link alone."""

from __future__ import annotations

from typing import Protocol

from drivers.hub import HubDriver, HubIdentity
from station.bench.view import SlotView


class Seat(Protocol):
    """One slot's seat: presence, start, power and lamps, as far as the jig has them."""

    def present(self) -> bool | None:
        """Whether something sits in the slot; None where nothing can tell."""
        ...

    async def until_ready(self) -> None:
        """Return when work on a seated hub may begin: seated, started as the jig's policy says, powered."""
        ...

    async def until_removed(self, driver: HubDriver, hub: HubIdentity | None) -> None:
        """Return when `hub` no longer sits in the slot as it did."""
        ...

    def show(self, view: SlotView) -> None:
        """Show the slot's state at the slot itself. Returns at once."""
        ...


class LinkSeat:
    """The seat of a jig without a board: presence is whether the hub answers."""

    def present(self) -> bool | None:
        """Say None: a hub that does not answer may be dead or gone."""
        return None

    async def until_ready(self) -> None:
        """Return at once; the driver waits for the hub."""

    async def until_removed(self, driver: HubDriver, hub: HubIdentity | None) -> None:
        """Let the driver watch the link."""
        await driver.wait_for_removal(hub)

    def show(self, view: SlotView) -> None:
        """Show nothing: there are no lamps."""
