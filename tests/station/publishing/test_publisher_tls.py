"""The broker's certificate and the station's own, at a real mosquitto."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from benches import brokers
from benches.certificates import Authority
from benches.publisher_bench import bench
from station.publishing import broker as broker_module
from station.publishing import pauses
from station.publishing.status import Connection


class Secured:
    """A mosquitto that wants a client certificate, and both authorities' files."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder, "authority")
        self.other = Authority(folder, "other")
        self.server = self.authority.issue("broker")

    def trusting(self, authority: Authority) -> dict[str, Path]:
        """Settings of a station that the broker would take: whether it takes the broker is its own affair."""
        own = self.authority.issue("bench-1")
        return {"ca_file": authority.file, "certificate_file": own.certificate, "key_file": own.key}

    @property
    def lines(self) -> tuple[str, ...]:
        return (
            f"cafile {self.authority.file}",
            f"certfile {self.server.certificate}",
            f"keyfile {self.server.key}",
            "require_certificate true",
        )


@pytest.fixture
def secured(tmp_path: Path) -> Secured:
    return Secured(tmp_path)


@pytest.fixture
def broker(tmp_path: Path, secured: Secured) -> Iterator[brokers.Mosquitto]:
    with brokers.mosquitto(tmp_path, lines=secured.lines) as running:
        yield running


async def test_with_the_right_certificates_results_leave(
    folder: Path, secured: Secured, broker: brokers.Mosquitto
) -> None:
    own = secured.authority.issue("bench-1")

    async with bench(
        folder,
        broker.port,
        ca_file=secured.authority.file,
        certificate_file=own.certificate,
        key_file=own.key,
    ) as station:
        await station.results(1)
        station.start()
        await station.until_empty()


async def test_a_slow_handshake_gets_the_time_that_it_needs_and_its_limit_is_named(
    folder: Path, secured: Secured, broker: brokers.Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "_CONNECTING_SECONDS", (0.2, 0.2))
    monkeypatch.setattr(pauses, "_FIRST_PAUSE_S", 0.02)
    async with (
        brokers.slow(broker.port, 0.5) as port,
        bench(folder, port, timeout_seconds=0.2, **secured.trusting(secured.authority)) as station,
    ):
        await station.results(1)
        station.start()
        waiting = await station.until_ever_said(Connection.WAITING)
        assert "it had 0.2 s (mqtt.timeout_seconds is 0.2) and gets 0.4 s now" in waiting.line
        await station.until_empty()


async def test_a_handshake_without_an_end_ends_with_who_waits_for_it(folder: Path, secured: Secured) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        own = secured.trusting(secured.authority)
        async with bench(folder, port, timeout_seconds=60, **own) as station:
            station.start()
            hears, _ = await asyncio.to_thread(mute.accept)
            with hears:
                await asyncio.to_thread(hears.recv, 1)  # it has begun to shake hands


async def test_a_broker_of_another_authority_is_not_trusted(
    folder: Path, secured: Secured, broker: brokers.Mosquitto
) -> None:
    async with bench(folder, broker.port, **secured.trusting(secured.other)) as station:
        await station.results(1)
        station.start()
        refused = await station.until_said(Connection.REFUSED)
        assert "certificate verify failed" in refused.line
        assert "mqtt.ca_file" in refused.line
        assert await station.journal.outbox_size() == 1


def refusal(folder: Path, secured: Secured, tmp_path: Path) -> str:
    """Return what is said of a broker that is not trusted, and is sent nothing."""

    async def main() -> str:
        with brokers.mosquitto(tmp_path, lines=secured.lines) as broker:
            async with bench(folder, broker.port, **secured.trusting(secured.authority)) as station:
                await station.results(1)
                station.start()
                refused = await station.until_said(Connection.REFUSED)
                assert await station.journal.outbox_size() == 1
                return refused.line

    return asyncio.run(main())


def test_a_broker_with_anothers_name_is_not_trusted(folder: Path, secured: Secured, tmp_path: Path) -> None:
    secured.server = secured.authority.issue("elsewhere", "127.0.0.2")
    line = refusal(folder, secured, tmp_path)
    assert "IP address mismatch" in line
    assert "127.0.0.1" in line


def test_a_broker_whose_certificate_has_expired_is_not_trusted(
    folder: Path, secured: Secured, tmp_path: Path
) -> None:
    secured.server = secured.authority.issue("broker", valid_for=timedelta(days=-1))
    line = refusal(folder, secured, tmp_path)
    assert "certificate has expired" in line
    assert "clock" in line


@pytest.mark.parametrize(
    ("own", "what"),
    [
        ("none", "certificate required"),
        ("expired", "certificate expired"),
        ("of another authority", "unknown ca"),
    ],
)
async def test_a_station_whose_certificate_is_refused_says_why_and_loses_nothing(
    folder: Path, secured: Secured, broker: brokers.Mosquitto, own: str, what: str
) -> None:
    files = {}
    if own != "none":
        authority = secured.other if own == "of another authority" else secured.authority
        issued = authority.issue("bench-1", valid_for=timedelta(days=-1 if own == "expired" else 1))
        files = {"certificate_file": issued.certificate, "key_file": issued.key}

    async with bench(folder, broker.port, ca_file=secured.authority.file, **files) as station:
        await station.results(1)
        station.start()
        refused = await station.until_said(Connection.REFUSED)
        assert what in refused.line
        assert "\n" not in refused.line
        assert await station.journal.outbox_size() == 1


async def test_a_private_key_that_others_can_read_is_not_used(
    folder: Path, secured: Secured, broker: brokers.Mosquitto
) -> None:
    own = secured.authority.issue("bench-1")
    own.key.chmod(0o640)
    files = {"ca_file": secured.authority.file, "certificate_file": own.certificate, "key_file": own.key}

    async with bench(folder, broker.port, **files) as station:
        await station.results(1)
        station.start()
        refused = await station.until_said(Connection.REFUSED)
        assert f"{own.key} can be read by other users; run: chmod 600 {own.key}" in refused.line
        own.key.chmod(0o600)
        await station.until_empty()


@pytest.mark.parametrize("missing", ["ca_file", "certificate_file"])
async def test_a_missing_certificate_file_is_named(folder: Path, secured: Secured, missing: str) -> None:
    own = secured.authority.issue("bench-1")
    files = {"ca_file": secured.authority.file, "certificate_file": own.certificate, "key_file": own.key}
    files[missing].unlink()

    async with bench(folder, brokers.free_port(), **files) as station:
        station.start()
        refused = await station.until_said(Connection.REFUSED)
        assert "correct the mqtt settings" in refused.line
