from __future__ import annotations

import pytest

from drivers.hub import UnlockChallenge
from firmware_catalog.identity import DeviceModel, Eui64


@pytest.fixture
def challenge() -> UnlockChallenge:
    return UnlockChallenge(
        device_id=Eui64.parse("88-73-84-00-00-00-00-01"),
        nonce=bytes(range(24)),
        model=DeviceModel("10A3", "0BADCAFE"),
    )
