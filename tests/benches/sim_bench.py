"""What the simulators' own tests share: keys, small images, small hubs, and smpclient as an independent client."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from smpclient import SMPClient
from smpclient.transport.serial import SMPSerialRawTransport, SMPSerialTransport

from benches.looking import until
from simulators.dfu_profile import DfuProfile
from simulators.firmware import FirmwareSpec, make_firmware
from simulators.flash import FlashTiming
from simulators.hub import Hub, HubBuild, HubTiming, Mode, Nameplate
from simulators.keys import generate_key
from simulators.population import HubEntry
from simulators.rig import Rig, RigSettings, Transport, open_rig
from simulators.slot import Slot
from simulators.smp_line import PROFILES, BufferProfile
from simulators.uart import LineSettings

MANUFACTURER, MODEL = "10A8", "00000011"
CHF, GPF = bytes.fromhex("8873840000000001"), bytes.fromhex("000b6b00000000a2")
OLD, NEW = "1.0.1", "1.2.303"


@cache
def maker() -> ec.EllipticCurvePrivateKey:
    return generate_key()


@cache
def authority() -> ec.EllipticCurvePrivateKey:
    return generate_key()


@cache
def image(version: str = NEW, model: str | None = MODEL, size: int = 6000) -> bytes:
    return make_firmware(FirmwareSpec(version, MANUFACTURER, model, size), maker())


def tlv_hash(file: bytes) -> bytes:
    """The image's SHA-256 TLV, found the simple way."""
    at = file.index(b"\x10\x00\x20\x00", len(file) - 300)
    return file[at + 4 : at + 36]


def build(slot_pages: int = 5, flash: FlashTiming | None = None, boot_seconds: float = 0.01) -> HubBuild:
    return HubBuild(
        maker=maker().public_key(),
        unlock_authority=authority().public_key(),
        slot_pages=slot_pages,
        flash_timing=flash or FlashTiming(0.0, 0.0),
        timing=HubTiming(boot_loader=boot_seconds, start=boot_seconds, reset_delay=0.01, watchdog=0.05),
    )


def nameplate(number: int = 1) -> Nameplate:
    return Nameplate(CHF[:7] + bytes([number]), GPF[:7] + bytes([number]), MANUFACTURER, MODEL, "1.0", "SBCH")


def make_hub(number: int = 1, file: bytes | None = None, hub_build: HubBuild | None = None) -> Hub:
    hub = Hub(nameplate(number), hub_build or build(), seed=number)
    hub.load_factory_image(image(OLD) if file is None else file)
    return hub


@asynccontextmanager
async def rig_of(
    folder: Path,
    *hubs: Hub,
    queue: tuple[Hub, ...] = (),
    slots: int = 0,
    line: LineSettings | None = None,
    profile: BufferProfile = PROFILES["default"],
    transport: Transport = Transport.SERIAL,
) -> AsyncIterator[Rig]:
    """One jig with these hubs in its first slots."""
    settings = RigSettings(
        directory=folder,
        jigs=range(1, 2),
        slots=max(slots, len(hubs)),
        line=line or LineSettings(3_000_000),
        profile=profile,
        handling_seconds=0.01,
        transport=transport,
        dfu=DfuProfile(off_the_bus=0.01, manifestation=0.01),
    )
    places = [(hub, number) for number, hub in enumerate(hubs, 1)] + [(hub, None) for hub in queue]
    population = [
        (
            HubEntry(
                chf=hub.nameplate.chf,
                gpf=hub.nameplate.gpf,
                manufacturer=MANUFACTURER,
                model=MODEL,
                firmware=Path(),
                jig=1,
                slot=slot,
            ),
            hub,
        )
        for hub, slot in places
    ]
    async with open_rig(settings, population) as rig:
        yield rig


async def until_mode(slot: Slot, mode: Mode, boots: int = 1) -> Hub:
    """Wait for the slot's hub to be in a mode after so many boots. Gives up after a minute."""
    await until(lambda: slot.hub is not None)
    assert slot.hub is not None
    async with asyncio.timeout(60):
        await slot.hub.reach(mode, boots)
    return slot.hub


class Client(SMPClient):
    """smpclient, and the hub's own group through its transport."""

    async def ask(
        self, group: int, command: int, body: dict[str, Any] | None = None, version: int = 1
    ) -> Any:
        """Read, or write where there is a body; return the answer's map."""
        return await self._exchange(group, command, 0 if body is None else 2, body or {}, version)

    async def ask_with_body(self, group: int, command: int, body: dict[str, Any]) -> Any:
        """Read with parameters; return the answer's map."""
        return await self._exchange(group, command, 0, body, 1)

    async def _exchange(
        self, group: int, command: int, operation: int, body: dict[str, Any], version: int
    ) -> Any:
        payload = cbor2.dumps(body)
        header = struct.pack(">BBHHBB", version << 3 | operation, 0, len(payload), group, 77, command)
        answer = await self._transport.send_and_receive(header + payload)
        first, _, length, got_group, sequence, got_command = struct.unpack(">BBHHBB", answer[:8])
        assert (first, got_group, sequence, got_command) == (version << 3 | operation + 1, group, 77, command)
        assert length == len(answer) - 8
        return cbor2.loads(answer[8:])

    async def identity(self) -> Any:
        return await self.ask(64, 0)

    async def unlock(self, version: int = 1, key: ec.EllipticCurvePrivateKey | None = None) -> Any:
        plate = await self.identity()
        nonce = (await self.ask(64, 1, version=version)).get("nonce", b"")
        return await self.ask(64, 1, {"sig": sign(plate["chf"], nonce, key)}, version)


def sign(chf: bytes, nonce: bytes, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    signed = cbor2.dumps(["reflash-unlock-v1", chf, nonce, MANUFACTURER, MODEL], canonical=True)
    r, s = decode_dss_signature((key or authority()).sign(signed, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@asynccontextmanager
async def client_of(slot: Slot, *, raw: bool = False) -> AsyncIterator[Client]:
    async with asyncio.timeout(60):
        transport = SMPSerialRawTransport() if raw else SMPSerialTransport()
        client = Client(transport, slot.port.address)
        async with client:
            yield client


@asynccontextmanager
async def hub_at_work(folder: Path, hub: Hub | None = None, **rig: Any) -> AsyncIterator[tuple[Slot, Client]]:
    """A hub that has booted in a rig of one slot, and a client of it."""
    async with rig_of(folder, hub or make_hub(), **rig) as opened:
        slot = opened.slot(1, 1)
        await until_mode(slot, Mode.APPLICATION)
        async with client_of(slot) as client:
            yield slot, client
