"""What the daemon writes, searched for what must not be in it, and who may read its files."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from benches import brokers, desk_client
from benches.certificates import Authority, Issued
from benches.processes import PATIENCE_SECONDS, run, wait_for
from benches.station_bench import STATION_NAMES, Bench, StockHub, order_csv, slot, version
from benches.station_config import write_config
from station.records.journal import Journal

REFLASH = Path(sys.executable).with_name("reflash")
PASSWORD = "correct horse battery staple"
WRONG_PASSWORD = "incorrect horse battery staple"
PLACE = slot(1)


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Nothing is taken away from the modes that the station asks for."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    (tmp_path / "certificates").mkdir()
    return Authority(tmp_path / "certificates", "authority")


@pytest.fixture
def broker(tmp_path: Path, authority: Authority) -> Iterator[brokers.Mosquitto]:
    """A mosquitto that wants a certificate and a password."""
    passwords, server = tmp_path / "passwords", authority.issue("broker")
    passwords.touch(mode=0o600)
    run(
        [brokers.installed("mosquitto_passwd", "mosquitto"), "-b", str(passwords), "bench", PASSWORD],
        check=True,
    )
    files = (f"cafile {authority.file}", f"certfile {server.certificate}", f"keyfile {server.key}")
    lines = (f"password_file {passwords}", "require_certificate true", *files)
    with brokers.mosquitto(tmp_path, anonymous=False, lines=lines) as running:
        yield running


@contextmanager
def daemon(config: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the daemon; the block begins when it has told its service manager that it is ready."""
    told = log.with_name("notify")
    with log.open("wb") as stream, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(told))
        manager.settimeout(PATIENCE_SECONDS)
        environment = {**os.environ, "NOTIFY_SOCKET": str(told)}
        command = [REFLASH, "run", "--config", config]
        running = subprocess.Popen(command, stderr=stream, stdout=stream, env=environment)
        while b"READY=1" not in manager.recv(4096):
            pass
    try:
        yield running
    finally:
        running.kill()
        wait_for(running)


def secrets_of(key_file: Path) -> list[bytes]:
    """A private key in the forms in which it might be written."""
    pem = key_file.read_bytes()
    key = load_pem_private_key(pem, None)
    number = key.private_numbers().private_value
    raw = number.to_bytes(32, "big")
    lines = [line for line in pem.splitlines() if line and not line.startswith(b"-")]
    return [*lines, raw, raw.hex().encode(), base64.b64encode(raw)[:-2], str(number).encode()]


async def work_a_hub(
    bench: Bench, state: Path, hub: StockHub, password: Path, consumer: aiomqtt.Client
) -> list[str]:
    """See a hub through to its published result, and return everything that was answered and published."""
    said: list[str] = []

    async def ask(what: str, **fields: Any) -> None:
        said.append(repr(await desk_client.ask(state, what, **fields)))

    async with desk_client.watching(state) as watching:
        async for news in watching:
            said.append(repr(news))
            if news["broker"]["state"] == "refused":
                password.write_text(f"{PASSWORD}\n")
                break
    said.append(repr(await desk_client.take_order(state, order_csv(hub))))
    await ask("assign_order", order="WO-1", jig="jig1")
    await bench.seat(hub, PLACE)
    async for message in consumer.messages:
        said.append(f"{message.topic} {message.payload!r}")
        if str(message.topic).endswith("/result"):
            break
    await ask("status")
    return said


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.slow
def test_no_key_and_no_password_in_anything_the_daemon_wrote_and_no_file_for_others(
    bench: Bench, broker: brokers.Mosquitto, authority: Authority, tmp_path: Path, open_umask: None
) -> None:
    own, state, password = authority.issue("bench-1"), tmp_path / "new" / "state", tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text(f"{WRONG_PASSWORD}\n")
    facts = bench.settings(state, {"jig1": [PLACE.slot]}, mode="bench", station=next(STATION_NAMES))
    facts["log"] = {"format": "console", "level": "debug"}
    facts["mqtt"] = {
        "port": broker.port,
        "username": "bench",
        "password_file": str(password),
        "ca_file": str(authority.file),
        "certificate_file": str(own.certificate),
        "key_file": str(own.key),
    }
    config, log = write_config(tmp_path / "station.toml", facts), tmp_path / "log"
    hub = bench.hub()

    async def main() -> list[str]:
        consumer = authority.issue("consumer")
        async with brokers.Client(
            "127.0.0.1",
            broker.port,
            username="bench",
            password=PASSWORD,
            tls_params=_tls(authority, consumer),
        ) as client:
            await client.subscribe("reflash/#", qos=1)
            return await work_a_hub(bench, state, hub, password, client)

    with daemon(config, log) as running:
        said = asyncio.run(main())
        assert mode_of(state / "control.sock") == 0o600
        running.send_signal(signal.SIGTERM)
        assert wait_for(running) == 0
    for arguments in (
        ["operators", "add", "NAME"],
        ["journal", "backup", tmp_path / "backup"],
        ["journal", "export"],
    ):
        command = [REFLASH, *arguments, "--config", config]
        done = run(command, capture_output=True, text=True, check=True)
        said.append(done.stdout + done.stderr)

    files = [path for folder in (state, tmp_path / "backup") for path in folder.rglob("*") if path.is_file()]
    written = [log.read_bytes(), "\n".join(said).encode(), *(path.read_bytes() for path in files)]
    # What is searched is what was written: each of these holds what it must.
    assert str(hub.chf).encode() in written[0]
    assert f'"firmware_read_back":"{version("new")}"'.encode() in written[1]
    assert any(str(hub.chf).encode() in content for content in written[2:])
    forbidden = [PASSWORD.encode(), WRONG_PASSWORD.encode(), base64.b64encode(PASSWORD.encode())]
    forbidden += secrets_of(bench.unlock_key) + secrets_of(own.key)
    for content in written:
        for secret in forbidden:
            assert secret not in content

    for path in (state, *state.rglob("*"), tmp_path / "backup", *(tmp_path / "backup").rglob("*")):
        assert mode_of(path) & 0o027 == 0, f"{path} is for others to read, or for a group to write"
    assert mode_of(state / "operators.json") == 0o600


def _tls(authority: Authority, issued: Issued) -> aiomqtt.TLSParameters:
    return aiomqtt.TLSParameters(
        ca_certs=str(authority.file), certfile=str(issued.certificate), keyfile=str(issued.key)
    )


async def test_a_journal_of_its_own_is_not_for_others_either(tmp_path: Path, open_umask: None) -> None:
    folder = tmp_path / "by-hand"

    async with Journal.open(folder, site="no-site", station="by-hand"):
        for path in (folder, *folder.iterdir()):
            assert mode_of(path) & 0o027 == 0, path
