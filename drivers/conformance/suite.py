"""The whole suite, for a driver's author to derive a test class from."""

from __future__ import annotations

from drivers.conformance.activation import ActivationChecks
from drivers.conformance.another_hub import AnotherHubChecks
from drivers.conformance.cancellation import CancellationChecks
from drivers.conformance.flashing import FlashingChecks
from drivers.conformance.identity import IdentityChecks
from drivers.conformance.interruption import InterruptionChecks
from drivers.conformance.leaks import LeakChecks
from drivers.conformance.locking import LockingChecks
from drivers.conformance.opening import OpeningChecks
from drivers.conformance.silence import SilenceChecks
from drivers.conformance.waiting import WaitingChecks


class DriverConformance(
    OpeningChecks,
    IdentityChecks,
    LockingChecks,
    FlashingChecks,
    ActivationChecks,
    AnotherHubChecks,
    InterruptionChecks,
    SilenceChecks,
    CancellationChecks,
    WaitingChecks,
    LeakChecks,
):
    """Everything that the contract in `drivers.hub` demands and that can be seen from outside.

    Derive a class `Test...` from it with one fixture, `device`, that returns a new
    `drivers.conformance.device.DeviceUnderTest` for each check.
    """
