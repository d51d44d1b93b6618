"""A USB/IP client, protocol 1.1.1: lists what a server offers, imports one device, does its control transfers.

Source: the Linux kernel's `Documentation/usb/usbip_protocol.rst`. Everything here blocks; each call has a bound.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Final

_VERSION: Final = 0x0111
_LIST_REQUEST: Final = 0x8005
_LIST_REPLY: Final = 0x0005
_IMPORT_REQUEST: Final = 0x8003
_IMPORT_REPLY: Final = 0x0003
_SUBMIT: Final = 1
_UNLINK: Final = 2
_SUBMIT_REPLY: Final = 3
_UNLINK_REPLY: Final = 4
_BUSY: Final = 2
"""ST_DEV_BUSY of the kernel's own tools."""

_OPERATION: Final = struct.Struct(">HHI")
_COUNT: Final = struct.Struct(">I")
_DEVICE: Final = struct.Struct(">256x32sIIIHHHBBBBBB")
_INTERFACE: Final = struct.Struct(">BBBx")
_SUBMIT_HEADER: Final = struct.Struct(">IIIIIIIIII8s")
_UNLINK_HEADER: Final = struct.Struct(">IIIIII24x")
_REPLY_HEADER: Final = struct.Struct(">II12xii20x")
"""Command, sequence number, status, length."""

_KERNEL_TIME: Final = struct.Struct("@ll")
"""`struct timeval`: seconds and microseconds."""
_UNLINK_SECONDS: Final = 1.0
"""How long a server may take to give a transfer up; it only has to forget it."""
_MOST_DEVICES: Final = 1024
"""Bounds what a hostile list can occupy."""


class UsbIpError(OSError):
    """The server, or the way to it, failed. Says nothing of the device."""


class DeviceBusy(UsbIpError):
    """Another host has imported the device."""


class NoSuchDevice(UsbIpError):
    """The server has no such device, or no longer."""


class TransferTimedOut(UsbIpError):
    """The device did not end the transfer in time; it has been given up."""


class TransferFailed(UsbIpError):
    """The device or its bus ended the transfer with an error: `errno` is Linux's number for it."""


@dataclass(frozen=True, slots=True)
class RemoteDevice:
    """What a server's list says of a device."""

    bus_id: str
    bus: int
    address: int
    speed: int
    """Linux's `enum usb_device_speed`."""
    vendor: int
    product: int
    device_class: int
    interfaces: tuple[tuple[int, int, int], ...] = field(default=(), compare=False)
    """Class, subclass and protocol of each; only a list tells them."""


def list_devices(host: str, port: int, seconds: float) -> list[RemoteDevice]:
    """Ask what the server offers, touching no device. Raises UsbIpError."""
    with _connect(host, port, seconds) as connection:
        _send_all(connection, _OPERATION.pack(_VERSION, _LIST_REQUEST, 0))
        return read_list(connection)


def read_list(connection: socket.socket) -> list[RemoteDevice]:
    """Read the answer to the question for the list. Raises UsbIpError."""
    _read_operation(connection, _LIST_REPLY)
    (count,) = _COUNT.unpack(_receive(connection, _COUNT.size))
    if count > _MOST_DEVICES:
        raise UsbIpError(f"the USB/IP server claims {count} devices")
    devices = []
    for _ in range(count):
        device, interfaces = _read_device(connection)
        raw = _receive(connection, interfaces * _INTERFACE.size)
        devices.append(replace(device, interfaces=tuple(_INTERFACE.iter_unpack(raw))))
    return devices


class ImportedDevice:
    """A device that this host has to itself until it is closed. For one thread at a time."""

    def __init__(self, connection: socket.socket, device: RemoteDevice) -> None:
        self.device = device
        self._connection = connection
        self._device_id = device.bus << 16 | device.address
        self._sequence = 0
        self._is_open = True
        self._limit = 0.0
        connection.settimeout(None)  # the kernel keeps time instead, see `_wait_at_most`

    @property
    def is_present(self) -> bool:
        """Whether the server still holds the device for this host; asks nobody."""
        if not self._is_open:
            return False
        # Between transfers a server has nothing to say, so whatever came is the end.
        waiting = select.poll()
        waiting.register(self._connection, select.POLLIN)
        if waiting.poll(0):
            self.close()
        return self._is_open

    def control(self, setup: bytes, data: bytes, seconds: float | None) -> bytes:
        """Do one control transfer: `setup` is USB's 8 bytes, `data` goes to the device. Returns what came back.

        Raises TransferFailed, TransferTimedOut after `seconds` (None: waits without end), and NoSuchDevice when
        the device or the server is gone.
        """
        length = int.from_bytes(setup[6:8], "little")
        is_in = bool(setup[0] & 0x80)
        sequence = self._next_sequence()
        header = _SUBMIT_HEADER.pack(_SUBMIT, sequence, self._device_id, is_in, 0, 0, length, 0, 0, 0, setup)
        deadline = None if seconds is None else time.monotonic() + seconds
        try:
            self._wait_at_most(seconds)
            self._connection.sendall(header + data)
            return self._receive_reply(sequence, length if is_in else 0, deadline)
        except BlockingIOError:
            return self._give_up(sequence, length if is_in else 0, seconds or 0.0)
        except TransferFailed:
            raise
        except OSError as error:
            self.close()
            raise NoSuchDevice(f"the device at {self.device.bus_id} is gone") from error

    def close(self) -> None:
        """Let the device go. May be called twice."""
        self._is_open = False
        self._connection.close()

    def _next_sequence(self) -> int:
        self._sequence = self._sequence % 0x7FFF_FFFF + 1
        return self._sequence

    def _wait_at_most(self, seconds: float | None) -> None:
        """Have the connection's calls fail after `seconds`, as if they would have blocked.

        The kernel's own timeout (socket(7), SO_RCVTIMEO) saves a system call each: for Python's, it polls first.
        """
        limit = seconds or 0.0  # 0 is without end
        # Setting it is a system call, and one transfer after the other has the same.
        if limit == self._limit:
            return
        whole = int(limit)
        timeout = _KERNEL_TIME.pack(whole, max(1, int((limit - whole) * 1e6)) if limit else 0)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self._connection.setsockopt(socket.SOL_SOCKET, option, timeout)
        self._limit = limit

    def _receive_reply(self, sequence: int, room: int, deadline: float | None) -> bytes:
        # Header and data mostly arrive in one piece, and then are taken in one.
        head = _REPLY_HEADER.size
        received = self._connection.recv(head + room)
        if len(received) < head:
            received += self._receive_rest(received, head, deadline)
        command, of, status, actual = _REPLY_HEADER.unpack_from(received)
        if command != _SUBMIT_REPLY or of != sequence or (room and not 0 <= actual <= room):
            raise UsbIpError("what the server sends is no USB/IP")
        end = head + actual if room else head
        if len(received) < end:
            received += self._receive_rest(received, end, deadline)
        if len(received) > end:
            raise UsbIpError("the server sends more than it announced")
        if status:
            raise TransferFailed(-status, "the transfer failed")
        return received[head:]

    def _receive_rest(self, received: bytes, size: int, deadline: float | None) -> bytes:
        if not received:
            raise UsbIpError("the USB/IP server hung up")
        rest = _receive(self._connection, size - len(received), deadline)
        self._connection.settimeout(None)
        return rest

    def _give_up(self, sequence: int, room: int, seconds: float) -> bytes:
        """Unlink a transfer. It may have ended well meanwhile."""
        deadline = time.monotonic() + _UNLINK_SECONDS
        unlink = self._next_sequence()
        try:
            self._wait_at_most(_UNLINK_SECONDS)
            self._connection.sendall(_UNLINK_HEADER.pack(_UNLINK, unlink, self._device_id, 0, 0, sequence))
            late: bytes | None = None
            while True:
                header = _receive(self._connection, _REPLY_HEADER.size, deadline)
                command, of, status, actual = _REPLY_HEADER.unpack(header)
                if command == _UNLINK_REPLY and of == unlink:
                    break
                if command != _SUBMIT_REPLY or of != sequence or (room and not 0 <= actual <= room):
                    raise UsbIpError("what the server sends is no USB/IP")
                data = _receive(self._connection, actual, deadline) if room else b""
                late = None if status else data
            self._connection.settimeout(None)
        except OSError as error:
            self.close()
            raise NoSuchDevice(f"the server does not let go of a transfer to {self.device.bus_id}") from error
        if late is not None:
            return late
        raise TransferTimedOut(f"the device at {self.device.bus_id} did not answer in {seconds:g} s")


def import_device(host: str, port: int, bus_id: str, seconds: float) -> ImportedDevice:
    """Take one device for this host alone. Raises DeviceBusy, NoSuchDevice and UsbIpError."""
    with ExitStack() as on_failure:
        connection = on_failure.enter_context(_connect(host, port, seconds))
        name = bus_id.encode("ascii").ljust(32, b"\0")
        _send_all(connection, _OPERATION.pack(_VERSION, _IMPORT_REQUEST, 0) + name)
        status = _read_operation(connection, _IMPORT_REPLY, refusable=True)
        if status == _BUSY:
            raise DeviceBusy(f"the device at {bus_id} is held by another program")
        if status:
            raise NoSuchDevice(f"the server at {host}:{port} has no device at {bus_id}")
        device, _ = _read_device(connection)
        on_failure.pop_all()
        return ImportedDevice(connection, device)


def _connect(host: str, port: int, seconds: float) -> socket.socket:
    try:
        connection = socket.create_connection((host, port), timeout=seconds)
    except OSError as error:
        raise UsbIpError(error.errno, f"no USB/IP server answers at {host}:{port}") from error
    # Requests are small and each waits for its answer.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _send_all(connection: socket.socket, data: bytes) -> None:
    try:
        connection.sendall(data)
    except OSError as error:
        raise UsbIpError(error.errno, "the USB/IP server hung up") from error


def _read_operation(connection: socket.socket, expected: int, *, refusable: bool = False) -> int:
    """Return the status of an answer."""
    version, code, status = _OPERATION.unpack(_receive(connection, _OPERATION.size))
    if code != expected or version >> 8 != _VERSION >> 8:
        raise UsbIpError(f"what answers speaks no USB/IP 1.1 (version {version:#06x}, code {code:#06x})")
    if status and not refusable:
        raise UsbIpError(f"the USB/IP server refused (status {status})")
    return int(status)


def _read_device(connection: socket.socket) -> tuple[RemoteDevice, int]:
    """Return a device and how many interfaces it has."""
    raw_id, bus, address, speed, vendor, product, _, device_class, _, _, _, _, interfaces = _DEVICE.unpack(
        _receive(connection, _DEVICE.size)
    )
    bus_id = raw_id.partition(b"\0")[0].decode("ascii", "replace")
    return RemoteDevice(bus_id, bus, address, speed, vendor, product, device_class), interfaces


def _receive(connection: socket.socket, size: int, deadline: float | None = None) -> bytes:
    """Read exactly `size` bytes. Raises UsbIpError, and TimeoutError once past a deadline."""
    received = bytearray()
    try:
        while len(received) < size:
            if deadline is not None:
                connection.settimeout(max(deadline - time.monotonic(), 0.001))
            piece = connection.recv(size - len(received))
            if not piece:
                raise UsbIpError("the USB/IP server hung up")
            received += piece
    except TimeoutError as error:
        if deadline is not None:
            raise
        raise UsbIpError("the USB/IP server does not answer") from error
    return bytes(received)
