"""The USB/IP client's one imported device, with a server that answers as it likes."""

from __future__ import annotations

import array
import contextlib
import fcntl
import socket
import struct
import termios
import threading
from collections.abc import Callable, Iterator

import pytest

from drivers.dfu.usbip_client import (
    ImportedDevice,
    NoSuchDevice,
    RemoteDevice,
    TransferTimedOut,
    UsbIpError,
)

READ_8 = struct.pack("<BBHHH", 0xC0, 1, 0, 0, 8)
DEVICE = RemoteDevice("1-1", 1, 2, 2, 0x1209, 1, 0)
SUBMIT_SIZE = UNLINK_SIZE = 48


def answer_to(submit: bytes, data: bytes) -> bytes:
    (sequence,) = struct.unpack_from(">I", submit, 4)
    return struct.pack(">II12xii20x", 3, sequence, 0, len(data)) + data


def unlinked(unlink: bytes) -> bytes:
    (sequence,) = struct.unpack_from(">I", unlink, 4)
    return struct.pack(">II12xi24x", 4, sequence, -104)


def until_read(connection: socket.socket) -> None:
    """Wait until the other end has taken all that was sent (SIOCOUTQ)."""
    left = array.array("i", [1])
    while left[0]:
        fcntl.ioctl(connection, termios.TIOCOUTQ, left)


@contextlib.contextmanager
def served_by(serve: Callable[[socket.socket], None]) -> Iterator[ImportedDevice]:
    ours, theirs = socket.socketpair()
    with theirs:
        server = threading.Thread(target=serve, args=(theirs,))
        server.start()
        device = ImportedDevice(ours, DEVICE)
        try:
            yield device
        finally:
            device.close()
            server.join(10)


def test_an_answer_may_come_in_any_pieces() -> None:
    def serve(connection: socket.socket) -> None:
        for cut in (1, 20, 48, 50):
            answer = answer_to(connection.recv(SUBMIT_SIZE), b"answered")
            connection.sendall(answer[:cut])
            until_read(connection)
            connection.sendall(answer[cut:])

    with served_by(serve) as device:
        for _ in range(4):
            assert device.control(READ_8, b"", 5) == b"answered"
        assert device.is_present


def test_a_transfer_that_takes_too_long_is_given_up_and_the_next_has_its_own_time() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(SUBMIT_SIZE)
        connection.sendall(unlinked(connection.recv(UNLINK_SIZE)))
        connection.sendall(answer_to(connection.recv(SUBMIT_SIZE), b"answered"))
        connection.sendall(answer_to(connection.recv(SUBMIT_SIZE), b"at last"))

    with served_by(serve) as device:
        with pytest.raises(TransferTimedOut, match=r"did not answer in 0\.02 s"):
            device.control(READ_8, b"", 0.02)
        assert device.control(READ_8, b"", 5) == b"answered"
        assert device.control(READ_8, b"", None) == b"at last"


def test_a_transfer_that_ended_while_it_was_given_up_has_ended() -> None:
    def serve(connection: socket.socket) -> None:
        submit = connection.recv(SUBMIT_SIZE)
        unlink = connection.recv(UNLINK_SIZE)
        connection.sendall(answer_to(submit, b"late") + unlinked(unlink))

    with served_by(serve) as device:
        assert device.control(READ_8, b"", 0.02) == b"late"


def test_a_server_that_stops_in_the_middle_of_an_answer_has_lost_the_device() -> None:
    stopped = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.sendall(answer_to(connection.recv(SUBMIT_SIZE), b"answered")[:-3])
        stopped.wait(10)

    with served_by(serve) as device:
        with pytest.raises(NoSuchDevice):
            device.control(READ_8, b"", 0.05)
        stopped.set()
        assert not device.is_present


def test_more_than_was_announced_is_no_answer() -> None:
    def serve(connection: socket.socket) -> None:
        submit = connection.recv(SUBMIT_SIZE)
        connection.sendall(answer_to(submit, b"four")[: SUBMIT_SIZE + 4] + b"more")

    with served_by(serve) as device, pytest.raises(UsbIpError):
        device.control(READ_8, b"", 5)
