from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.dfu.errors import STATUS_FAULTS
from drivers.dfu.place import PlaceError, UsbPlace
from drivers.dfu.protocol import (
    DfuState,
    DfuStatus,
    FunctionalDescriptor,
    MalformedReply,
    StatusReply,
    find_functional,
)
from drivers.dfu.usb_descriptors import MalformedDescriptor, parse_configuration, parse_device

# By hand, after DFU 1.1, table 4.2.
FUNCTIONAL = bytes.fromhex("09 21 0b ff00 4000 1001")
CONFIGURATION = bytes.fromhex(
    "09 02 2400 01 01 00 80 32"  # one interface
    "09 04 00 00 00 fe 01 02 04"  # setting 0
    "09 04 00 01 00 fe 01 02 05" + FUNCTIONAL.hex()  # setting 1, and what belongs to both
)


def test_a_status_reads_as_the_specification_says() -> None:
    reply = StatusReply.parse(bytes.fromhex("00 e80300 04 00"))
    assert reply == StatusReply(DfuStatus.OK, 1.0, DfuState.DFU_DNBUSY, 0)
    reply = StatusReply.parse(bytes.fromhex("0b 000000 0a 04"))
    assert reply == StatusReply(DfuStatus.ERR_VENDOR, 0.0, DfuState.DFU_ERROR, 4)


@pytest.mark.parametrize(
    "raw", ["", "00", "0000000005", "00000000050000", "10000000050000"[:12], "00000000 0b 00"]
)
def test_a_status_of_another_size_or_content_is_refused(raw: str) -> None:
    with pytest.raises(MalformedReply):
        StatusReply.parse(bytes.fromhex(raw))


@given(st.binary(max_size=10))
def test_any_bytes_are_a_status_or_refused(raw: bytes) -> None:
    try:
        reply = StatusReply.parse(raw)
    except MalformedReply:
        return
    assert len(raw) == 6
    assert 0 <= reply.poll_seconds < 16778


def test_every_status_but_ok_is_a_fault_in_words_of_its_own() -> None:
    assert set(STATUS_FAULTS) == set(DfuStatus) - {DfuStatus.OK}
    assert len({(words, advice) for _, words, advice in STATUS_FAULTS.values()}) == len(STATUS_FAULTS)
    assert DfuStatus.ERR_STALLEDPKT.spelling == "errSTALLEDPKT"
    assert DfuStatus.OK.spelling == "OK"


def test_a_functional_descriptor_reads_as_the_specification_says() -> None:
    functional = FunctionalDescriptor.parse(FUNCTIONAL)
    assert functional.can_download
    assert functional.can_upload
    assert not functional.manifestation_tolerant
    assert functional.will_detach
    assert functional.detach_seconds == 0.255
    assert functional.transfer_size == functional.block_size == 64


def test_a_transfer_size_above_what_linux_carries_is_used_up_to_that() -> None:
    functional = FunctionalDescriptor.parse(bytes.fromhex("09 21 0b ff00 ffff 1001"))
    assert (functional.transfer_size, functional.block_size) == (65535, 4096)


@pytest.mark.parametrize("size", ["0000", "0100", "0700"])
def test_a_transfer_size_that_no_device_can_mean_is_refused(size: str) -> None:
    with pytest.raises(MalformedReply, match="a transfer size of"):
        FunctionalDescriptor.parse(bytes.fromhex(f"09 21 0b ff00 {size} 1001"))


@given(st.binary(max_size=40))
def test_any_bytes_hold_a_functional_descriptor_or_none(extra: bytes) -> None:
    found = find_functional(extra)
    if found is not None:
        assert found in extra
        try:
            FunctionalDescriptor.parse(found)
        except MalformedReply:
            return
        assert found[1] == 0x21


def test_a_configuration_is_taken_apart_as_libusb_does_it() -> None:
    configuration = parse_configuration(CONFIGURATION)
    assert configuration.descriptor.bMaxPower == 0x32
    ((first, second),) = configuration.interfaces
    assert (first.bAlternateSetting, first.iInterface, bytes(first.extra_descriptors)) == (0, 4, b"")
    assert (second.bAlternateSetting, second.iInterface) == (1, 5)
    assert bytes(second.extra_descriptors) == FUNCTIONAL


def test_endpoints_belong_to_the_interface_before_them() -> None:
    configuration = parse_configuration(
        bytes.fromhex(
            "09 02 4000 02 01 00 80 32  05 24 00 1001  09 04 00 00 01 02 02 01 00  07 05 81 03 0800 0a"
            "09 04 01 00 02 01 01 00 00  09 05 82 01 4000 0a 03 04  07 05 02 02 4000 00"
        )
    )
    assert bytes(configuration.descriptor.extra_descriptors) == bytes.fromhex("0524001001")
    (serial,), (audio,) = configuration.interfaces
    assert [endpoint.bEndpointAddress for endpoint in serial.endpoints] == [0x81]
    assert [endpoint.wMaxPacketSize for endpoint in audio.endpoints] == [64, 64]
    assert [(e.bRefresh, e.bSynchAddress) for e in audio.endpoints] == [(3, 4), (0, 0)]


@given(st.binary(max_size=80))
def test_any_bytes_are_descriptors_or_refused(raw: bytes) -> None:
    for parse in (parse_device, parse_configuration):
        try:
            parse(raw)
        except MalformedDescriptor:
            continue
        assert len(raw) >= 9


@given(st.binary(max_size=80))
def test_any_bytes_behind_a_configuration_are_taken_apart(rest: bytes) -> None:
    configuration = parse_configuration(CONFIGURATION[:9] + rest)
    assert all(settings for settings in configuration.interfaces)


def test_a_place_is_a_bus_and_ports() -> None:
    assert UsbPlace.parse(" 1-2.3 ") == UsbPlace(1, (2, 3))
    assert UsbPlace.parse("1-2.3").is_behind(UsbPlace.parse("1-2"))
    assert not UsbPlace.parse("1-2").is_behind(UsbPlace.parse("1-2"))
    assert not UsbPlace.parse("1-20").is_behind(UsbPlace.parse("1-2"))
    assert not UsbPlace.parse("2-2.3").is_behind(UsbPlace.parse("1-2"))


@pytest.mark.parametrize(
    "text", ["", "1", "1-", "-1", "0-1", "1-0", "1-2.", "1-2..3", "1-2:1.0", "/dev/ttyUSB0", "1-²"]
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(PlaceError, match=r"such as 1-2\.3"):
        UsbPlace.parse(text)


@given(st.integers(1, 99), st.lists(st.integers(1, 255), min_size=1, max_size=7))
def test_a_places_text_is_read_back(bus: int, ports: list[int]) -> None:
    place = UsbPlace(bus, tuple(ports))
    assert UsbPlace.parse(str(place)) == place
