"""Facts that only an SMP driver can state, as kinds of the drivers' general errors."""

from __future__ import annotations

from drivers.errors import HubAction, HubRefused
from drivers.hub_answers import DeviceCode


class SmpRefused(HubRefused):
    """The hub answered a command with an error; `code` holds it in its parts."""

    def __init__(self, what: str, *, action: HubAction, code: DeviceCode, state_known: bool) -> None:
        super().__init__(what, action=action, state_known=state_known, device_code=str(code))
        self.code = code


class NoApplicationGroup(HubRefused):
    """The device runs an application without the hub commands (SMP group 64): it is no Communications Hub.

    It can still be flashed by hand as the plain MCUboot device that it is, see `drivers.smp.device`.
    """
