"""Simulated hubs under SMP clients that nobody here wrote: each ends as its documentation says."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from smpclient.generics import success
from smpclient.requests.image_management import ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import ResetWrite

from benches.sim_bench import MODEL, NEW, OLD, client_of, image, make_hub, rig_of, tlv_hash, until_mode
from simulators.faults import Fault, FaultName
from simulators.hub import Mode
from simulators.smp_line import PROFILES
from simulators.uart import LineSettings

pytestmark = [pytest.mark.judges, pytest.mark.timeout(300)]

BAUD = 921_600
PROGRAMS = Path(sys.prefix) / "judges" / "bin"
FOREIGN = Path(__file__).with_name("foreign_client.py")


async def run(command: list[object]) -> str:
    """Run a program to its end, and return what it said."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        env={"PATH": "/usr/bin", "COLUMNS": "200", "NO_COLOR": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    return said.decode()


class SmpMgr:
    """smpmgr's command line, as a person uses it."""

    def __init__(self, port: str) -> None:
        self._port = port

    async def _do(self, *command: str) -> str:
        return await run([PROGRAMS / "smpmgr", "--port", self._port, "--baudrate", BAUD, *command])

    async def echo(self, text: str) -> str:
        (heard,) = re.findall(r"\br='(.*)'", await self._do("os", "echo", text))
        return heard

    async def list(self) -> list[dict[str, Any]]:
        said = await self._do("image", "state-read")
        assert "splitStatus: 0" in said
        listed = []
        for told in said.split("ImageState(")[1:]:
            found = dict(re.findall(r"^    (\w+)=(?!HashBytes)(.*?),?$", told, re.MULTILINE))
            flags = {name: found[name] == "True" for name in FLAGS}
            (digest,) = re.findall(r"'([0-9A-F]{64})'", told)
            listed.append(
                {"slot": int(found["slot"]), "version": found["version"].strip("'"), "hash": digest.lower()}
                | flags
            )
        return listed

    async def upload(self, path: Path) -> None:
        assert "100.0%" in await self._do("image", "upload", str(path))

    async def test(self, image_hash: str) -> None:
        assert "OK" in await self._do("image", "state-write", image_hash)

    async def confirm(self) -> None:
        assert "OK" in await self._do("image", "state-write", "--confirm")

    async def reset(self) -> None:
        assert "WRITE_RSP" in await self._do("os", "reset")

    async def erase(self) -> str:
        return await self._do("image", "erase", "1")


class Library:
    """A library, by a program of a few lines."""

    def __init__(self, name: str, port: str) -> None:
        self._command = [PROGRAMS / "python", FOREIGN, name, port, BAUD]

    async def ask(self, *command: object) -> Any:
        said = await run([*self._command, *command])
        return json.loads(said.splitlines()[-1])

    async def _do(self, *command: object) -> None:
        assert await self.ask(*command) is None

    async def echo(self, text: str) -> str:
        return await self.ask("echo", text)

    async def list(self) -> list[dict[str, Any]]:
        return await self.ask("list")

    async def upload(self, path: Path) -> None:
        await self._do("upload", path)

    async def test(self, image_hash: str) -> None:
        await self._do("test", image_hash)

    async def confirm(self) -> None:
        await self._do("confirm")

    async def reset(self) -> None:
        await self._do("reset")

    async def erase(self) -> str:
        return (await self.ask("erase"))["error"]


FLAGS = ("bootable", "pending", "confirmed", "active", "permanent")
DENIED = {
    "smpmgr": "EACCESSDENIED",
    "mcumgr-toolkit": "MGMT_ERR_EACCESSDENIED",
    "mcumgr-client": "device: 11",
}


def client_called(name: str, port: Path) -> SmpMgr | Library:
    if not (PROGRAMS / "smpmgr").exists():
        pytest.skip("the judges are not installed: make test-judges installs requirements/judges.txt")
    return SmpMgr(str(port)) if name == "smpmgr" else Library(name, str(port))


def shown(slot: int, version: str, model: str | None = MODEL, **flags: bool) -> dict[str, Any]:
    wanted = dict.fromkeys(FLAGS, False) | {"bootable": True} | flags
    return {"slot": slot, "version": version, "hash": tlv_hash(image(version, model)).hex()} | wanted


async def versions(client: SmpMgr | Library) -> list[dict[str, Any]]:
    return [{key: image[key] for key in shown(0, NEW)} for image in await client.list()]


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("smpmgr", "zephyr"),
        ("mcumgr-toolkit", "default"),
        ("mcumgr-toolkit", "zephyr"),
        ("mcumgr-client", "default"),
        ("mcumgr-client", "zephyr"),
    ],
)
async def test_a_hub_is_updated_by_a_client_of_others(tmp_path: Path, name: str, profile: str) -> None:
    path = tmp_path / "new.bin"
    path.write_bytes(image(NEW))

    line = LineSettings(BAUD)
    async with rig_of(tmp_path, make_hub(), line=line, profile=PROFILES[profile]) as rig:
        slot = rig.slot(1, 1)
        await until_mode(slot, Mode.APPLICATION)
        client = client_called(name, slot.port.link)
        if name != "mcumgr-client":
            assert await client.echo("hello there") == "hello there"
        old = shown(0, OLD, confirmed=True, active=True)
        assert await versions(client) == [old]
        assert DENIED[name] in await client.erase()
        async with client_of(slot) as ours:
            assert await ours.unlock() == {"rc": 0}
        await client.upload(path)
        assert await versions(client) == [old, shown(1, NEW)]
        await client.test(tlv_hash(image(NEW)).hex())
        assert await versions(client) == [old, shown(1, NEW, pending=True)]
        await client.reset()
        await until_mode(slot, Mode.APPLICATION, 2)
        assert await versions(client) == [shown(0, NEW, active=True), shown(1, OLD, confirmed=True)]
        await client.confirm()
        after = [shown(0, NEW, active=True, confirmed=True), shown(1, OLD)]
        assert await versions(client) == after
        await client.reset()
        await until_mode(slot, Mode.APPLICATION, 3)
        assert await versions(client) == after


@pytest.mark.parametrize("profile", ["default", "zephyr"])
async def test_a_hub_with_raw_framing_is_updated_by_smpclient(tmp_path: Path, profile: str) -> None:
    """Its raw transport gives up at the first byte too many, so that what it takes in is whole and in step."""
    raw = replace(PROFILES[profile], raw=True)
    async with rig_of(tmp_path, make_hub(), line=LineSettings(BAUD), profile=raw) as rig:
        slot = rig.slot(1, 1)
        await until_mode(slot, Mode.APPLICATION)
        async with client_of(slot, raw=True) as client:
            assert await client.unlock() == {"rc": 0}
            async for _ in client.upload(image(NEW)):
                pass
            assert slot.hub is not None
            assert slot.hub.layout.secondary.read(0, len(image(NEW))) == image(NEW)
            marked = await client.request(ImageStatesWrite(hash=tlv_hash(image(NEW))))
            assert success(marked)
            assert [found.pending for found in marked.images] == [False, True]
            assert success(await client.request(ResetWrite()))
            await until_mode(slot, Mode.APPLICATION, 2)
            assert success(await client.request(ImageStatesWrite(confirm=True)))
            listed = await client.request(ImageStatesRead())
            assert success(listed)
            assert [(found.version, found.confirmed, found.active) for found in listed.images] == [
                (NEW, True, True),
                (OLD, False, False),
            ]


async def test_a_hub_is_updated_in_one_go(tmp_path: Path) -> None:
    path = tmp_path / "new.bin"
    path.write_bytes(image(NEW))

    async with rig_of(tmp_path, make_hub(), line=LineSettings(BAUD)) as rig:
        slot = rig.slot(1, 1)
        await until_mode(slot, Mode.APPLICATION)
        client = client_called("mcumgr-toolkit", slot.port.link)
        assert isinstance(client, Library)
        assert await client.ask("parameters") == [1024, 5]
        assert await client.ask("boot_loader") == "MCUboot"
        async with client_of(slot) as ours:
            assert await ours.unlock() == {"rc": 0}
        assert await client.ask("update", path) is None
        await until_mode(slot, Mode.APPLICATION, 2)
        assert await versions(client) == [shown(0, NEW, active=True), shown(1, OLD, confirmed=True)]
        await client.reset()
        await until_mode(slot, Mode.APPLICATION, 3)
        assert (await versions(client))[0]["version"] == OLD, "what nobody confirmed is given up"


async def test_a_hub_in_its_boot_loader_is_written_by_a_client_of_others(tmp_path: Path) -> None:
    """Where it overwrites the image that runs: what our own driver never does."""
    path = tmp_path / "new.bin"
    path.write_bytes(image(NEW))

    async with rig_of(tmp_path, make_hub(), line=LineSettings(BAUD)) as rig:
        slot = rig.slot(1, 1)
        await until_mode(slot, Mode.APPLICATION)
        client = client_called("mcumgr-client", slot.port.link)
        slot.faults.arm(Fault(name=FaultName.SERIAL_RECOVERY))
        await client.reset()
        await until_mode(slot, Mode.RECOVERY, 2)
        assert await versions(client) == [shown(0, OLD, bootable=False)], "a boot loader tells no flags"
        await client.upload(path)
        await client.reset()
        await until_mode(slot, Mode.APPLICATION, 3)
        assert await versions(client) == [shown(0, NEW, active=True, confirmed=True)]
