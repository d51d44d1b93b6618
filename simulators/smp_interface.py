"""Puts a hub's SMP server on a serial port: one request at a time, answers out of the shared packet pool."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from simulators.faults import Fault, FaultName, Occasion, SlotFaults
from simulators.hub import Hub, Mode
from simulators.smp_line import BufferProfile, PacketPool, PacketReceiver, encode_frame
from simulators.smp_message import (
    GroupRefused,
    ManagementError,
    NotAPacket,
    Refused,
    Request,
    Undecodable,
    parse_request,
)
from simulators.smp_raw_line import RawReceiver
from simulators.smp_server import ApplicationServer, RecoveryServer, Server
from simulators.uart import SerialPort

_LENGTH_AND_CRC = 4


class SmpInterface:
    """The serial side of the hub in one slot."""

    def __init__(
        self,
        port: SerialPort,
        profile: BufferProfile,
        faults: SlotFaults,
        perform: Callable[[Fault], None],
    ) -> None:
        self._lost_before = 0
        self._session: _Session | None = None
        self._port = port
        self._profile = profile
        self._faults = faults
        self._perform = perform

    @property
    def lost(self) -> int:
        """Bytes that reached a hub here and found no room, or were no packet."""
        return self._lost_before + (0 if self._session is None else self._session.lost)

    async def hears_request(self, seconds: float) -> bool:
        """Listen this long; say whether a whole request came."""
        packets: asyncio.Queue[bytes] = asyncio.Queue()
        pool = PacketPool(self._profile.buf_count)
        self._port.attach(_receiver(self._profile, pool, lambda: False, packets.put_nowait))
        try:
            async with asyncio.timeout(seconds):
                parse_request(await packets.get())
        except (TimeoutError, NotAPacket):
            return False
        finally:
            self._port.attach(None)
        return True

    async def serve(self, hub: Hub) -> None:
        """Serve the booted hub until it is told to boot."""
        server: Server
        if hub.mode is Mode.RECOVERY:
            own = self._profile
            profile = replace(BufferProfile(buf_count=1), raw=own.raw, input_timeout=own.input_timeout)
            server = RecoveryServer(hub)
        else:
            server, profile = ApplicationServer(hub, self._profile), self._profile
        self._session = _Session(hub, server, profile, self._port, self._faults, self._perform)
        try:
            await self._session.run()
        finally:
            self._lost_before += self._session.lost + self._session.unfinished
            self._session = None


def _receiver(
    profile: BufferProfile,
    pool: PacketPool,
    is_stalled: Callable[[], bool],
    deliver: Callable[[bytes], None],
) -> PacketReceiver | RawReceiver:
    """Return what takes the hub's bytes off the line, as its firmware was built."""
    kind = RawReceiver if profile.raw else PacketReceiver
    return kind(profile, pool, is_stalled, deliver)


class _Session:
    """From one boot to the next."""

    def __init__(
        self,
        hub: Hub,
        server: Server,
        profile: BufferProfile,
        port: SerialPort,
        faults: SlotFaults,
        perform: Callable[[Fault], None],
    ) -> None:
        self._hub = hub
        self._server = server
        self._profile = profile
        self._port = port
        self._faults = faults
        self._perform = perform
        self._pool = PacketPool(profile.buf_count)
        self._packets: asyncio.Queue[bytes] = asyncio.Queue()
        self._receiver = _receiver(profile, self._pool, lambda: hub.flash.erasing, self._packets.put_nowait)
        self._late: list[asyncio.TimerHandle] = []

    @property
    def lost(self) -> int:
        return self._receiver.lost

    @property
    def unfinished(self) -> int:
        return self._receiver.pending

    async def run(self) -> None:
        self._port.attach(self._receiver)
        try:
            while not self._server.reset_wanted:
                await self._handle(await self._packets.get())
                self._receiver.catch_up()
                self._port.listener_is_ready()
            await asyncio.sleep(self._hub.build.timing.reset_delay)
        finally:
            self._port.attach(None)
            for handle in self._late:
                handle.cancel()

    async def _handle(self, packet: bytes) -> None:
        try:
            request = parse_request(packet)
        except Undecodable as error:
            self._port.send(
                self._encode(error.request.answer_error(Refused(ManagementError.INVALID))), self._answer_gone
            )
            return
        except NotAPacket:
            self._pool.give()
            return
        occasion = self._server.occasion(request)
        byte = request.body.get("off") if occasion is Occasion.UPLOAD else None
        if self._faults.strike_physical(occasion, byte, self._perform):
            await asyncio.sleep(0)  # where the power goes, if that is what was done
        if FaultName.NO_ANSWER in self._hub.traits or self._faults.strike(FaultName.LOSE_REQUEST, occasion):
            self._pool.give()
            return
        answer = await self._answer(request)
        self._send(request, occasion, answer)

    async def _answer(self, request: Request) -> bytes:
        """Return the answer's packet. Of the request's buffer and the answer's, one stays taken."""
        if self._pool.take():
            answer = await self._execute(request)
            self._pool.give()
        elif self._pool.count == 1:
            answer = await self._execute(request)  # answered in place
        else:
            answer = request.answer_error(Refused(ManagementError.NO_MEMORY))
        return answer

    async def _execute(self, request: Request) -> bytes:
        try:
            answer = request.answer(await self._server.answer(request))
        except (Refused, GroupRefused) as error:
            return request.answer_error(error)
        if len(answer) > self._profile.buf_size - (0 if self._profile.raw else _LENGTH_AND_CRC):
            return request.answer_error(Refused(ManagementError.MESSAGE_SIZE))
        return answer

    def _send(self, request: Request, occasion: Occasion, answer: bytes) -> None:
        strike = self._faults.strike
        if strike(FaultName.DROP_REPLY, occasion):
            self._pool.give()
            return
        frame = self._encode(answer)
        if strike(FaultName.FOREIGN_REPLY, occasion):
            self._port.send(self._encode(request.answer({"rc": 0}, (request.sequence + 97) % 256)))
        if late := strike(FaultName.DELAY_REPLY, occasion):
            delay = 1.0 if late.seconds is None else late.seconds
            send = asyncio.get_running_loop().call_later(delay, self._port.send, frame, self._answer_gone)
            self._late.append(send)
            return
        self._port.send(frame, self._answer_gone)
        if strike(FaultName.DUPLICATE_REPLY, occasion):
            self._port.send(frame)

    def _encode(self, packet: bytes) -> bytes:
        return packet if self._profile.raw else encode_frame(packet)

    def _answer_gone(self) -> None:
        self._pool.give()
        self._port.listener_is_ready()
