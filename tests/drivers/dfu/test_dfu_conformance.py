"""The DFU driver keeps the contract, as the kit for driver authors checks it: a hub on a simulated USB."""

from __future__ import annotations

import pytest
from usb_conformance import UsbHub

from drivers.conformance.suite import DriverConformance
from simulators.dfu_modes import DfuProfile

TOLERANT = DfuProfile(off_the_bus=0.02, manifestation=0.01, transfer_size=256)
NOT_TOLERANT = DfuProfile(
    off_the_bus=0.02, manifestation=0.01, transfer_size=256, manifestation_tolerant=False, will_detach=False
)


class TestUsbHub(DriverConformance):
    @pytest.fixture
    def device(self):
        return UsbHub(TOLERANT)
