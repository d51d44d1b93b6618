"""Whether a hub that waits in its boot loader has it left by one boot: told so once a seating, and else sent to rework."""

from __future__ import annotations

from contextlib import suppress

from drivers.errors import DriverError
from drivers.hub import HubDriver, LeavesRecovery


class RecoveryBoot:
    """One slot's.

    A hub in its boot loader tells no ids, so nobody knows which it is. Its seating has booted it already, and a boot
    is all that it is told here: whoever comes back has to say who it is. A hub whose port goes with its boots comes
    back on another opening of the port, and is still the same seating.
    """

    def __init__(self) -> None:
        self._ordered = False

    def expect_another_seating(self) -> None:
        """Whatever sits here next may be booted again."""
        self._ordered = False

    async def order(self, driver: HubDriver) -> bool:
        """Have what waits in its boot loader boot, if it was not yet; say whether there was any use in looking again."""
        if self._ordered or not isinstance(driver, LeavesRecovery):
            return False
        self._ordered = True
        with suppress(DriverError):  # the next look tells
            await driver.leave_recovery()
        return True
