from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pkcs11
import pytest
from soft_hsm import MODULE, SoftHsm

from drivers.hub import UnlockChallenge
from firmware_catalog.identity import DeviceModel, Eui64


@pytest.fixture
def soft_hsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftHsm]:
    if not MODULE.exists():
        pytest.skip("SoftHSM 2 is not installed: apt-get install softhsm2")
    hsm = SoftHsm(tmp_path)
    monkeypatch.setenv("SOFTHSM2_CONF", str(hsm.configuration))
    hsm.make_token()
    yield hsm
    # Finalized, not unloaded: python-pkcs11's objects may be collected later and call into it.
    pkcs11.lib(str(MODULE)).finalize()


@pytest.fixture
def challenge() -> UnlockChallenge:
    return UnlockChallenge(
        chf=Eui64.parse("88-73-84-00-00-00-00-01"),
        nonce=bytes(range(24)),
        model=DeviceModel("10A3", "0BADCAFE"),
    )
