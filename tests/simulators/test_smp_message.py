from __future__ import annotations

import contextlib

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from smp.image_management import ImageManagementErrorV2, ImageUploadWriteRequest, ImageUploadWriteResponse
from smp.os_management import EchoWriteRequest, EchoWriteResponse, OSManagementErrorV1

from simulators.smp_message import (
    GroupRefused,
    ManagementError,
    NotAPacket,
    Refused,
    Request,
    Undecodable,
    parse_request,
)

UPLOAD_V2 = bytes.fromhex("0a00000f00010501a2636f666604646461746143414243")
UPLOAD_V1 = b"\x02" + UPLOAD_V2[1:]


def test_a_request_as_the_smp_package_writes_it() -> None:
    packet = bytes(ImageUploadWriteRequest(off=4, data=b"ABC", sequence=5))
    request = parse_request(packet)
    assert request == Request(1, True, 1, 5, 1, {"off": 4, "data": b"ABC"})
    assert request.key == (1, 1, True)


def test_golden_answers() -> None:
    assert UPLOAD_V2.hex() == bytes(ImageUploadWriteRequest(off=4, data=b"ABC", sequence=5)).hex()
    request = parse_request(UPLOAD_V2)
    assert request.answer({"off": 7}).hex() == "0b0000060001" + "0501" + "a1636f666607"
    refused = GroupRefused(1, 9, ManagementError.BAD_STATE)
    assert request.answer_error(refused).hex() == (
        "0b0000110001" + "0501" + "a163657272" + "a2" + "6567726f757001" + "62726309"
    )
    assert request.answer_error(Refused(ManagementError.NO_MEMORY)).hex() == "0b00000500010501" + "a162726302"
    old = parse_request(UPLOAD_V1)
    assert old.answer_error(refused).hex() == "0300000500010501" + "a162726306"


def test_the_smp_package_reads_our_answers() -> None:
    request = parse_request(bytes(ImageUploadWriteRequest(off=4, data=b"ABC", sequence=5)))
    assert ImageUploadWriteResponse.loads(request.answer({"off": 7, "match": True})).match is True
    error = ImageManagementErrorV2.loads(request.answer_error(GroupRefused(1, 9, ManagementError.BAD_STATE)))
    assert error.err.rc == 9
    echo = parse_request(bytes(EchoWriteRequest(d="x", sequence=9)))
    assert EchoWriteResponse.loads(echo.answer({"r": "x"})).sequence == 9
    assert OSManagementErrorV1.loads(echo.answer_error(Refused(ManagementError.NOT_SUPPORTED))).rc == 8


@given(st.binary(max_size=64))
def test_any_bytes_are_a_request_or_refused(packet: bytes) -> None:
    with contextlib.suppress(NotAPacket):
        parse_request(packet)


@given(st.binary(max_size=64))
def test_any_body_is_a_map_or_refused(body: bytes) -> None:
    header = b"\x0a\x00" + len(body).to_bytes(2, "big") + b"\x00\x00\x01\x00"
    try:
        request = parse_request(header + body)
    except NotAPacket:
        return
    assert isinstance(request.body, dict)


@pytest.mark.parametrize(
    "packet",
    [
        UPLOAD_V2[:7],
        UPLOAD_V2[:-1],
        UPLOAD_V2 + b"\x00",
        b"\x12" + UPLOAD_V2[1:],  # version 3
        b"\x0b" + UPLOAD_V2[1:],  # an answer
        bytes.fromhex("0a00000100000000") + b"\x80",  # CBOR, but no map
    ],
)
def test_what_is_no_request_is_refused(packet: bytes) -> None:
    with pytest.raises(NotAPacket):
        parse_request(packet)


def test_what_cannot_be_read_behind_a_header_is_answered_with_a_refusal() -> None:
    with pytest.raises(Undecodable) as caught:
        parse_request(bytes.fromhex("0a00000100014201") + b"\x80")
    assert cbor2.loads(caught.value.request.answer_error(Refused(ManagementError.INVALID))[8:]) == {"rc": 3}


def test_an_empty_body_is_an_empty_map() -> None:
    assert parse_request(bytes.fromhex("0800000000000106")).body == {}
    assert cbor2.loads(parse_request(bytes.fromhex("0800000000000106")).answer({})[8:]) == {}
