"""The DFU driver keeps the contract, as the kit for driver authors checks it: a hub on a simulated USB."""

from __future__ import annotations

import pytest
from usb_conformance import UsbBridge, UsbHub

from drivers.conformance.suite import DriverConformance


class TestUsbHub(DriverConformance):
    @pytest.fixture
    def device(self):
        return UsbHub()


@pytest.mark.proofs
class TestUsbBridge(DriverConformance):
    @pytest.fixture
    def device(self):
        return UsbBridge()
