"""The SMP driver keeps the contract, as the kit for driver authors checks it: a hub at a simulated serial line."""

from __future__ import annotations

import pytest

from benches.serial_conformance import RawSerialHub, SerialBridge, SerialHub
from drivers.conformance.suite import DriverConformance


class TestSerialHub(DriverConformance):
    @pytest.fixture
    def device(self, tmp_path):
        return SerialHub(tmp_path)


@pytest.mark.proofs
class TestRawSerialHub(DriverConformance):
    @pytest.fixture
    def device(self, tmp_path):
        return RawSerialHub(tmp_path)


@pytest.mark.proofs
class TestSerialBridge(DriverConformance):
    @pytest.fixture
    def device(self, tmp_path):
        return SerialBridge(tmp_path)
