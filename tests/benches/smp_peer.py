"""A scripted SMP server at the far end of a pseudo-terminal, out of the `smp` package's codec.

It answers what its script says, at once and without a line's pace. What a hub really does, in its own time,
is the simulated rigs' part.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import cbor2
import smp.packet

from benches.pty_port import PtyPort, pty_port
from drivers.serial_link import open_serial_link
from drivers.smp.client import SmpClient
from drivers.smp.device import McubootDevice
from drivers.smp.plain import PlainMcubootDevice
from drivers.smp.settings import SmpSettings

Told = TypeVar("Told")
HEADER = struct.Struct(">BBHHBB")

QUICK = SmpSettings(
    baud=3_000_000,
    answer_seconds=0.1,
    attempts=2,
    slot_bytes=4096,
    erase_seconds_per_mebibyte=0,
    quiet_after_reset_seconds=0.05,
    return_seconds=1.0,
    removal_seconds=0.2,
    probe_seconds=0.05,
    stall_seconds=0.2,
)
"""Short times: the peer answers at once or never."""

ECHO, RESET, PARAMETERS, BOOT_LOADER = (0, 0), (0, 5), (0, 6), (0, 8)
STATE, UPLOAD, ERASE = (1, 0), (1, 1), (1, 5)
IDENTITY, UNLOCK = (64, 0), (64, 1)


@dataclass(frozen=True)
class Request:
    """One request as the peer got it."""

    first: int
    command: tuple[int, int]
    sequence: int
    fields: dict[str, Any]

    @property
    def writes(self) -> bool:
        return self.first & 7 == 2

    @property
    def version(self) -> int:
        return self.first >> 3 & 3

    def answer(self, fields: dict[str, Any] | bytes, *, version: int | None = None) -> bytes:
        payload = fields if isinstance(fields, bytes) else cbor2.dumps(fields)
        version = self.version if version is None else version
        group, command = self.command
        first = version << 3 | (self.first & 7) + 1
        return HEADER.pack(first, 0, len(payload), group, self.sequence, command) + payload


Script = Callable[[Request], list[bytes] | dict[str, Any] | None]
"""Given a request: the packets to answer with, or the one answer's map, or None to say nothing."""


def unsupported(_: Request) -> dict[str, Any]:
    return {"rc": 8}


@dataclass
class Peer:
    """The server. A command's script can be exchanged at any time."""

    port: PtyPort
    raw: bool = False
    """Whether packets stand on the line as they are."""
    scripts: dict[tuple[int, int], Script] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    _rest: bytes = b""
    _decoder: Any = None

    def __post_init__(self) -> None:
        self._arrived = asyncio.Event()
        self.resume()

    def resume(self) -> None:
        """Read again after the port was told to stop listening."""
        self.port.listen(self._received)

    def send(self, packet: bytes) -> None:
        self.port.send(packet if self.raw else b"".join(smp.packet.encode(packet, 128)))

    def asked(self, command: tuple[int, int]) -> list[Request]:
        return [request for request in self.requests if request.command == command]

    async def until_asked(self, command: tuple[int, int], times: int = 1) -> Request:
        """Wait until the command came this often; return the last one."""
        async with asyncio.timeout(60):
            while len(self.asked(command)) < times:
                self._arrived.clear()
                await self._arrived.wait()
        return self.asked(command)[-1]

    def _received(self, data: bytes) -> None:
        if self.raw:
            self._received_raw(data)
            return
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if line[:2] == b"\x06\t":
                self._decoder = smp.packet.decode()
                next(self._decoder)
            try:
                self._decoder.send(line + b"\n")
            except StopIteration as done:
                self._handle(done.value)

    def _received_raw(self, data: bytes) -> None:
        self._rest += data
        while len(self._rest) >= HEADER.size and len(self._rest) >= 8 + HEADER.unpack_from(self._rest)[2]:
            size = 8 + HEADER.unpack_from(self._rest)[2]
            packet, self._rest = self._rest[:size], self._rest[size:]
            self._handle(packet)

    def _handle(self, packet: bytes) -> None:
        first, _, length, group, sequence, command = HEADER.unpack_from(packet)
        assert length == len(packet) - 8
        request = Request(first, (group, command), sequence, cbor2.loads(packet[8:]))
        self.requests.append(request)
        self._arrived.set()
        answer = self.scripts.get(request.command, unsupported)(request)
        if isinstance(answer, dict):
            answer = [request.answer(answer)]
        for reply in answer or []:
            self.send(reply)


@contextlib.asynccontextmanager
async def peer_and_client(settings: SmpSettings = QUICK) -> AsyncIterator[tuple[Peer, SmpClient]]:
    async with pty_port() as port:
        peer = Peer(port, raw=settings.framing == "raw")
        client = SmpClient(await open_serial_link(port.path, settings), settings)
        try:
            yield peer, client
        finally:
            await client.close()


async def met(client: SmpClient) -> PlainMcubootDevice:
    """Meet the peer as a plain device."""
    device = PlainMcubootDevice(McubootDevice(client))
    await device.meet()
    return device


def run_with_peer(
    scenario: Callable[[Peer, SmpClient], Awaitable[Told]], settings: SmpSettings = QUICK
) -> Told:
    """Run `scenario(peer, client)` on a loop of its own and return what it returns."""

    async def run() -> Told:
        async with peer_and_client(settings) as (peer, client):
            return await scenario(peer, client)

    return asyncio.run(run())
