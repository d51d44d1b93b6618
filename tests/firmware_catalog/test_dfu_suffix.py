from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_catalog.dfu_suffix import DfuSuffix, split_suffix
from firmware_catalog.image import ImageFormatError

# Made by Debian's dfu-suffix 0.11: --vid 0x1209 --pid 0x0002 --did 0x0100 --add, of a file that holds "firmware".
GOLDEN = bytes.fromhex("6669726d7761726500010200091200015546441048ead194")


def test_a_file_made_by_dfu_suffix_is_taken_apart() -> None:
    parts = split_suffix(GOLDEN)
    assert bytes(parts.firmware) == b"firmware"
    assert parts.suffix == DfuSuffix(vendor=0x1209, product=0x0002, device_release=0x0100)
    assert parts.suffix.is_for(0x1209, 0x0002)
    assert not parts.suffix.is_for(0x1209, 0x0003)
    assert not parts.suffix.is_for(0x1208, 0x0002)
    assert str(parts.suffix) == "1209:0002"


def test_a_suffix_may_leave_open_what_it_is_for() -> None:
    anything = DfuSuffix(vendor=0xFFFF, product=0xFFFF, device_release=0xFFFF)
    assert anything.is_for(1, 2)
    assert str(anything) == "any:any"


@pytest.mark.parametrize("data", [b"", b"short", bytes(100), GOLDEN[:-1]])
def test_a_file_without_a_suffix_is_all_firmware(data: bytes) -> None:
    parts = split_suffix(data)
    assert parts.suffix is None
    assert parts.firmware == data


@given(st.integers(0, len(GOLDEN) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(position: int, change: int) -> None:
    altered = bytearray(GOLDEN)
    altered[position] ^= change
    try:
        parts = split_suffix(bytes(altered))
    except ImageFormatError:
        return
    # Without the signature there is no suffix to check.
    assert parts.suffix is None
    assert position in range(len(GOLDEN) - 8, len(GOLDEN) - 5)


@pytest.mark.parametrize("length", [0, 15, 255])
def test_a_suffix_of_impossible_length_is_refused(length: int) -> None:
    with pytest.raises(ImageFormatError, match=f"claims {length} bytes"):
        split_suffix(GOLDEN[:-5] + bytes([length]) + GOLDEN[-4:])


@given(st.binary(max_size=64))
def test_any_bytes_are_taken_apart_or_refused(data: bytes) -> None:
    try:
        parts = split_suffix(data + b"UFD\x10" + bytes(4))
    except ImageFormatError:
        return
    assert parts.firmware is not None
