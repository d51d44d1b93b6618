"""What comes from hubs, boards, scanners and USB."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress

import cbor2
from pydantic import BaseModel
from pymodbus.pdu.bit_message import ReadDiscreteInputsRequest, WriteSingleCoilRequest
from pymodbus.pdu.register_message import ReadInputRegistersRequest
from target import Opener, stateless

from benches.hub_samples import HUB
from drivers.dfu.place import PlaceError, UsbPlace
from drivers.dfu.protocol import FunctionalDescriptor, MalformedReply, StatusReply, find_functional
from drivers.dfu.usb_descriptors import MalformedDescriptor, parse_configuration, parse_device, total_length
from drivers.dfu.usbip_client import ImportedDevice, RemoteDevice, UsbIpError, read_list
from drivers.hub_answers import (
    ChallengeAnswer,
    Done,
    IdentityAnswer,
    MalformedPayload,
    StateAnswer,
    code_in,
    read_payload,
    validate,
)
from drivers.jig_board.framing import Question, find_answer, frame_of
from drivers.smp.framing import FrameDecoder, FrameEncoder
from drivers.smp.messages import BootloaderAnswer, ParametersAnswer
from drivers.smp.raw_framing import RawDecoder
from station.bench.labels import ScanRefused, SlotCode, read_scan
from station.bench.scanner import LineReader

_PACKET = b"\x09\x00\x00\x06\x00\x00\x01\x00\xa1brc\x00"
_FRAME = FrameEncoder(127).encode(_PACKET)
_RAW_PACKET = b"\x09\x00\x00\x05\x00\x00\x01\x00\xa1brc\x00"
_LARGEST_PACKET = 1024


def _smp_frames(data: bytes) -> None:
    """The bytes as a line delivers them, in pieces; then as a packet that is sealed well."""
    decoder = FrameDecoder(_LARGEST_PACKET)
    step = data[0] + 1 if data else 1
    for start in range(1, len(data), step):
        for packet in decoder.feed(data[start : start + step]):
            assert len(packet) <= _LARGEST_PACKET
    # Whatever came, the next good frame is understood.
    assert decoder.feed(b"\n" + _FRAME)[-1] == _PACKET
    for packet in decoder.feed(FrameEncoder(127).encode(data)):
        assert packet == data


def _smp_raw(data: bytes) -> None:
    """The bytes as a line without framing delivers them, in pieces; then, after a silence, a good packet."""
    decoder = RawDecoder(_LARGEST_PACKET)
    step = data[0] + 1 if data else 1
    taken = 0
    for start in range(1, len(data), step):
        for packet in decoder.feed(data[start : start + step]):
            assert len(packet) <= _LARGEST_PACKET
            taken += len(packet)
    assert taken + decoder.unfinished == max(0, len(data) - 1)
    decoder.resync()
    assert decoder.feed(_RAW_PACKET) == [_RAW_PACKET]


_SMP_ANSWERS: tuple[type[BaseModel], ...] = (
    Done,
    IdentityAnswer,
    ChallengeAnswer,
    ParametersAnswer,
    BootloaderAnswer,
    StateAnswer,
)


def _smp_maps(data: bytes) -> None:
    try:
        fields = read_payload(data)
        code = code_in(fields)
    except MalformedPayload:
        return
    if code is not None:
        str(code)
    for model in _SMP_ANSWERS:
        with suppress(MalformedPayload):
            match validate(model, fields):
                case IdentityAnswer() as answer:
                    assert answer.identity().boots < 1 << 63  # what the journal's tables can hold
                case StateAnswer() as answer:
                    assert len(answer.state().slots) <= 16


_STATE = {
    "images": [
        {"slot": 0, "version": "0.2.303", "hash": bytes(32), "bootable": True, "active": True},
        {"slot": 1, "version": "0.2.304", "hash": bytes(32), "pending": True},
    ],
    "splitStatus": 0,
}
_SMP_MAPS = (
    *map(cbor2.dumps, (HUB, _STATE, {"nonce": bytes(24)}, {"rc": 8}, {"err": {"group": 64, "rc": 2}})),
    cbor2.dumps({"buf_size": 1024, "buf_count": 5}),
    cbor2.dumps({**HUB, "boots": 1 << 70}),
    b"\x81" * 600,
    b"\xa1\x61a\x9b" + b"\xff" * 8,
)


def _usb_descriptors(data: bytes) -> None:
    with suppress(MalformedDescriptor):
        parse_device(data)
    with suppress(MalformedDescriptor):
        assert total_length(data) < 1 << 16
        configuration = parse_configuration(data)
        assert sum(map(len, configuration.interfaces)) <= len(data)
    with suppress(MalformedReply):
        StatusReply.parse(data)
    found = find_functional(data)
    if found is not None:
        with suppress(MalformedReply):
            assert 8 <= FunctionalDescriptor.parse(found).block_size <= 4096
    with suppress(PlaceError):
        UsbPlace.parse(data.decode("latin-1"))


_FUNCTIONAL = struct.pack("<BBBHHH", 9, 0x21, 0x0D, 500, 1024, 0x0110)
_INTERFACE = struct.pack("<9B", 9, 4, 0, 0, 1, 0xFE, 1, 2, 0)
_ENDPOINT = struct.pack("<BBBBHB", 7, 5, 0x81, 2, 64, 0)
_BODY = _INTERFACE + _FUNCTIONAL + _ENDPOINT
_DESCRIPTORS = (
    struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0, 0, 0, 64, 0x1209, 0x0001, 0x0100, 1, 2, 3, 1),
    struct.pack("<BBHBBBBB", 9, 2, 9 + len(_BODY), 1, 1, 0, 0x80, 50) + _BODY,
    _FUNCTIONAL,
    struct.pack("<B3sBB", 0, b"\x0a\0\0", 2, 0),
    b"1-2.3",
)

_REMOTE = RemoteDevice("1-1", 1, 2, 2, 0x1209, 1, 0)
_SETUP_IN = struct.pack("<BBHHH", 0xA1, 3, 0, 0, 64)
_SETUP_OUT = struct.pack("<BBHHH", 0x21, 1, 0, 0, 4)


def _usbip(data: bytes) -> None:
    """What a server sends, up to its hanging up, in answer to each thing that is asked of it."""
    with suppress(UsbIpError), _server(data) as connection:
        assert len(read_list(connection)) <= 1024
    for setup, sent, room in ((_SETUP_IN, b"", 64), (_SETUP_OUT, b"data", 0)):
        with _server(data) as connection, suppress(UsbIpError):
            assert len(ImportedDevice(connection, _REMOTE).control(setup, sent, 5)) <= room
    with _server(data) as connection, suppress(UsbIpError):
        assert len(ImportedDevice(connection, _REMOTE)._give_up(1, 64, 0.1)) <= 64


def _server(data: bytes) -> socket.socket:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(data)
    ours.settimeout(5)
    return ours


_DEVICE = struct.pack(">256s32sIIIHHHBBBBBB", b"/sys", b"1-1", 1, 2, 2, 0x1209, 1, 256, 0, 0, 0, 1, 1, 1)
_REPLY = struct.pack(">II12xii20x", 3, 1, 0, 6) + bytes(6)
_UNLINKED = struct.pack(">II12xi24x", 4, 1, -104)
_USBIP = (
    struct.pack(">HHII", 0x0111, 5, 0, 1) + _DEVICE + bytes(4),
    struct.pack(">HHI", 0x0111, 3, 0) + _DEVICE,
    _REPLY,
    _UNLINKED,
    _REPLY + _UNLINKED,
)

_QUESTIONS: tuple[Question, ...] = (
    ReadDiscreteInputsRequest(address=0, count=11),
    ReadInputRegistersRequest(address=0, count=12),
    WriteSingleCoilRequest(address=3, bits=[True]),
)
_DEVICE_ID = 1


def _modbus(data: bytes) -> None:
    """The bytes as they come; then as the content of a frame whose check is right."""
    for question in _QUESTIONS:
        head = bytes([_DEVICE_ID, question.function_code])
        for received in (data, _sealed(head + data), _sealed(bytes([_DEVICE_ID, head[1] | 0x80]) + data[:1])):
            answer = find_answer(received[:256], question, _DEVICE_ID)
            if answer is not None and question.function_code == 4:
                assert answer.isError() or len(answer.registers) == question.count


def _sealed(content: bytes) -> bytes:
    # A question's frame is content and check too, so its sealing serves.
    check = 0xFFFF
    for byte in content:
        check ^= byte
        for _ in range(8):
            check = check >> 1 ^ (0xA001 if check & 1 else 0)
    return content + check.to_bytes(2, "little")


_MODBUS = (
    bytes([2]) + bytes(2),
    bytes([24]) + bytes(24),
    _sealed(bytes([1, 2, 2, 3, 4])),
    _sealed(bytes([1, 0x84, 2])),
    frame_of(_QUESTIONS[2], _DEVICE_ID),
)


def _scans(data: bytes) -> None:
    reader = LineReader()
    for start in range(0, len(data), 7):
        reader.received(data[start : start + 7])
    lines = [reader.lines.get_nowait() for _ in range(reader.lines.qsize())]
    for line in _texts(lines, data):
        with suppress(ScanRefused):
            scan = read_scan(line)
            assert not isinstance(scan, SlotCode) or 1 <= scan.slot <= 8


def _texts(lines: list[str | None], data: bytes) -> Iterator[str]:
    for line in lines:
        assert line is not None
        assert len(line) <= 128
        yield line
    yield data.decode("utf-8", "replace")


HUB_PARSERS: dict[str, Opener] = {
    "smp-frames": stateless(_smp_frames, (b"\x10" + _FRAME, b"\x02" + FrameEncoder(127).encode(bytes(600)))),
    "smp-raw": stateless(_smp_raw, (b"\x10" + _RAW_PACKET * 3, b"\x02" + _RAW_PACKET[:9])),
    "smp-maps": stateless(_smp_maps, _SMP_MAPS),
    "usb-descriptors": stateless(_usb_descriptors, _DESCRIPTORS),
    "usbip": stateless(_usbip, _USBIP),
    "scanner-labels": stateless(
        _scans,
        (b"CHF 88-73-84-00-00-00-00-01\r\n", b"jig1/3\n", b"887384000000000A\r", b"gpf=88:73:84:00:00:00:00:01\n"),
        (b"slot ", b"GPF ", b"jig1/", b"\r\n"),
    ),
}  # fmt: skip

HUB_BOUNDARIES: dict[str, Opener] = {"modbus": stateless(_modbus, _MODBUS)}
