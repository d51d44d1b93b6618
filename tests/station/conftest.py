"""Fixtures of the station's tests: one simulated bench and one broker for all of them, tidied after each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from benches import brokers
from benches.signed_bench import Signed
from benches.soft_hsm import MODULE, SoftHsm, finalize
from benches.station_bench import Bench, running_bench


@pytest.fixture(scope="session")
def shared_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with running_bench(tmp_path_factory.mktemp("bench")) as bench:
        yield bench


@pytest.fixture
def bench(shared_bench: Bench) -> Iterator[Bench]:
    shared_bench.tidy()  # a hub that an earlier test had pulled may have come back since
    yield shared_bench
    shared_bench.tidy()


@pytest.fixture(scope="session")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[brokers.Mosquitto]:
    """Serve every test that looks at its own topics only."""
    with brokers.mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture
def soft_hsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftHsm]:
    if not MODULE.exists():
        pytest.skip("SoftHSM 2 is not installed: apt-get install softhsm2")
    hsm = SoftHsm(tmp_path)
    monkeypatch.setenv("SOFTHSM2_CONF", str(hsm.configuration))
    hsm.make_token()
    yield hsm
    finalize()


@pytest.fixture
def signed(bench: Bench, tmp_path: Path) -> Signed:
    catalogue = Signed(
        tmp_path / "signed", bench, CryptoSigner.generate_ecdsa(), CryptoSigner.generate_ecdsa()
    )
    catalogue.found()
    catalogue.publish()
    return catalogue
