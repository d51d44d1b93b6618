"""A USB/IP server: ports with devices in them, on one listener on the loopback interface.

USB/IP carries no bus reset. Where a real host would reset a port, a USB/IP host lets the device go and imports it
again; the device is told of that as of a reset.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

from simulators.usbip.channel import Channel
from simulators.usbip.device import FULL_SPEED, Descriptors, Function, Setup, Transfer
from simulators.usbip.endpoint0 import Endpoint0
from simulators.usbip.wire import (
    BUS_ID_SIZE,
    OPERATION_HEADER,
    URB_HEADER_SIZE,
    DeviceRecord,
    NotUsbIp,
    Operation,
    Refusal,
    Status,
    Submit,
    Unlink,
    pack_device_list,
    pack_import,
    pack_reply,
    pack_unlink_reply,
    read_command,
    read_operation,
)

LOOPBACK: Final = "127.0.0.1"
_LARGEST_TRANSFER: Final = 65_536
"""Bytes that a host may send along; a control transfer has 16 bits for its length."""


class PortBusy(Exception):
    """There is a device in the port already. The message names the port."""


class Port:
    """One place where a device can be: a bus and a chain of port numbers, written as Linux does (`1-2.3`)."""

    def __init__(self, bus_id: str) -> None:
        self.bus_id = bus_id
        self._bus = int(bus_id.partition("-")[0])
        self._address = 0
        self.came = 0.0
        """When a device last appeared, on the event loop's clock."""
        self.left = 0.0
        """When one last vanished."""
        self._device: tuple[Descriptors, Function] | None = None
        self._importer: _Connection | None = None

    def attach(self, descriptors: Descriptors, function: Function) -> None:
        """Let a device appear, at a new address. Raises PortBusy."""
        if self._device is not None:
            raise PortBusy(f"port {self.bus_id} has a device: detach it first")
        self._address = self._address % 127 + 1
        self._device = descriptors, function
        self.came = asyncio.get_running_loop().time()

    def detach(self) -> None:
        """Let the device vanish, and with it every transfer under way; what was answered still arrives."""
        self._device = None
        self.left = asyncio.get_running_loop().time()
        if self._importer is not None:
            importer, self._importer = self._importer, None
            importer.close()

    @property
    def record(self) -> DeviceRecord | None:
        """What a list says of the device in the port."""
        if self._device is None:
            return None
        descriptors, _ = self._device
        return DeviceRecord(
            bus_id=self.bus_id,
            bus=self._bus,
            address=self._address,
            speed=FULL_SPEED,
            device_descriptor=descriptors.device,
            configuration_value=descriptors.configuration[5],
            interfaces=descriptors.interfaces,
        )

    def take(self, importer: _Connection) -> tuple[DeviceRecord, Endpoint0] | Refusal:
        """Give the device to one host."""
        record = self.record
        if record is None or self._device is None:
            return Refusal.NO_DEVICE
        if self._importer is not None:
            return Refusal.BUSY
        self._importer = importer
        return record, Endpoint0(*self._device, importer.answer)

    def release(self, importer: _Connection) -> None:
        """Take the device back from the host that has it."""
        if self._importer is importer:
            self._importer = None
            if self._device is not None:
                self._device[1].bus_reset()


class Server:
    """Use as `async with serve(...)`."""

    def __init__(self, bus_ids: Iterable[str]) -> None:
        self.ports = {bus_id: Port(bus_id) for bus_id in bus_ids}
        self.address = (LOOPBACK, 0)
        """Where it listens."""
        self._connections: set[_Connection] = set()

    def records(self) -> list[DeviceRecord]:
        """What is in the ports, whether a host has it or not."""
        return [record for port in self.ports.values() if (record := port.record) is not None]

    def take_host(self, connection: socket.socket) -> None:
        """Serve a host that has just connected."""
        self._connections.add(_Connection(self, connection))

    def forget(self, connection: _Connection) -> None:
        """Drop a connection that has ended."""
        self._connections.discard(connection)

    def close_connections(self) -> None:
        """Let every host go."""
        for connection in list(self._connections):
            connection.drop()


class _Connection:
    """One host: it asks for the list, or imports one device and sends transfers."""

    def __init__(self, server: Server, connection: socket.socket) -> None:
        self._server = server
        self._channel = Channel(connection, self)
        self._received = bytearray()
        self._port: Port | None = None
        self._endpoint0: Endpoint0 | None = None
        self._transfers: dict[int, Transfer] = {}

    def received(self, data: bytes, since: float) -> None:
        """Take what the host sent, which came at `since`."""
        self._received += data
        try:
            while self._port is None and self._begin():
                pass
            while self._port is not None and self._take_command(since):
                pass
        except NotUsbIp:
            self.close()

    def ended(self) -> None:
        """Let go of the device."""
        if self._endpoint0 is not None:
            self._endpoint0.close()
        if self._port is not None:
            self._port.release(self)
        self._server.forget(self)

    def close(self) -> None:
        """Hang up once everything answered has been sent."""
        self._channel.close()

    def drop(self) -> None:
        """Hang up at once."""
        self._channel.drop()

    def answer(self, transfer: Transfer, data: bytes | None) -> None:
        """Send a transfer's end; None is a stall."""
        sequence = transfer.sequence
        del self._transfers[sequence]
        if data is None:
            reply = pack_reply(sequence, Status.STALL, 0)
        elif transfer.setup.is_in:
            reply = pack_reply(sequence, Status.OK, len(data), data)
        else:
            reply = pack_reply(sequence, Status.OK, len(transfer.data))
        self._channel.send(reply)

    def _cut(self, size: int) -> bytes:
        data = bytes(self._received[:size])
        del self._received[:size]
        return data

    def _begin(self) -> bool:
        """Serve the operation that the connection begins with; return whether there may be more to do."""
        size = OPERATION_HEADER.size
        if len(self._received) < size:
            return False
        operation = read_operation(bytes(self._received[:size]))
        if operation is Operation.REQUEST_DEVICE_LIST:
            self._received.clear()
            self._channel.send(pack_device_list(self._server.records()))
            self.close()
            return False
        if len(self._received) < size + BUS_ID_SIZE:
            return False
        bus_id = self._cut(size + BUS_ID_SIZE)[size:].split(b"\0")[0].decode("ascii", "replace")
        port = self._server.ports.get(bus_id)
        taken = Refusal.NO_DEVICE if port is None else port.take(self)
        if isinstance(taken, Refusal):
            self._channel.send(pack_import(taken))
            self.close()
            return False
        self._port = port
        record, self._endpoint0 = taken
        self._channel.send(pack_import(record))
        return True

    def _take_command(self, since: float) -> bool:
        if len(self._received) < URB_HEADER_SIZE:
            return False
        command = read_command(self._received)
        if isinstance(command, Unlink):
            self._cut(URB_HEADER_SIZE)
            self._unlink(command)
            return True
        if command.data_size > _LARGEST_TRANSFER:
            raise NotUsbIp(f"a transfer of {command.data_size} bytes")
        if len(self._received) < URB_HEADER_SIZE + command.data_size:
            return False
        self._submit(command, self._cut(URB_HEADER_SIZE + command.data_size)[URB_HEADER_SIZE:], since)
        return True

    def _submit(self, command: Submit, data: bytes, since: float) -> None:
        if command.endpoint != 0 or self._endpoint0 is None:
            # No device here has another endpoint.
            self._channel.send(pack_reply(command.sequence, Status.STALL, 0))
            return
        setup = Setup.parse(command.setup)
        transfer = Transfer(command.sequence, setup, data, since, self._endpoint0.end)
        self._transfers[command.sequence] = transfer
        self._endpoint0.submit(transfer)

    def _unlink(self, command: Unlink) -> None:
        transfer = self._transfers.get(command.victim)
        given_up = transfer is not None and self._endpoint0 is not None and self._endpoint0.give_up(transfer)
        if transfer is not None and given_up:
            del self._transfers[command.victim]
        self._channel.send(pack_unlink_reply(command.sequence, Status.UNLINKED if given_up else Status.OK))


@asynccontextmanager
async def serve(bus_ids: Iterable[str], port: int = 0) -> AsyncIterator[Server]:
    """Listen on the loopback interface, on a free port unless one is named, until the block is left."""
    server = Server(bus_ids)
    loop = asyncio.get_running_loop()
    with socket.create_server((LOOPBACK, port)) as listener:
        listener.setblocking(False)
        server.address = listener.getsockname()

        def accept() -> None:
            # The host may be gone before it is accepted.
            with contextlib.suppress(BlockingIOError, ConnectionError):
                server.take_host(listener.accept()[0])

        loop.add_reader(listener.fileno(), accept)
        try:
            yield server
        finally:
            loop.remove_reader(listener.fileno())
            server.close_connections()
            # A closed connection's last call comes one turn of the loop later.
            await asyncio.sleep(0)
