from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion, IdentityError


@given(st.integers(0, 2**64 - 1), st.sampled_from(["-", ":", ""]), st.booleans())
def test_eui64_reads_every_accepted_form_and_writes_one(value: int, separator: str, upper: bool) -> None:
    pairs = [f"{byte:02x}" for byte in value.to_bytes(8, "big")]
    text = separator.join(pairs)
    read = Eui64.parse(f" {text.upper() if upper else text}\r")
    assert read.value == value
    assert str(read) == "-".join(pairs).upper()
    assert Eui64.parse(str(read)) == Eui64.from_bytes(read.to_bytes()) == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        "88-73-84-00-00-00-00",
        "88-73-84-00-00-00-00-01-02",
        "88-73:84-00-00-00-00-01",
        "88--73-84-00-00-00-00-01",
        "8873840000000000001",
        "88-73-84-00-00-00-00-0G",
        "0x88738400000000",
        "88-73-84-00-00-00-00-\u0660\u0661",
    ],
)
def test_eui64_refuses_everything_else(text: str) -> None:
    with pytest.raises(IdentityError, match="EUI-64"):
        Eui64.parse(text)


@given(st.text() | st.from_regex(r"[0-9A-F]{2}([-:]?[0-9A-F]{2}){6,8}"))
def test_eui64_raises_nothing_but_identity_error(text: str) -> None:
    with contextlib.suppress(IdentityError):
        assert str(Eui64.parse(text)).replace("-", "") == re.sub("[-:]", "", text.strip()).upper()


def test_oui_names_the_manufacturer() -> None:
    assert Eui64.parse("8873840000000001").oui == "88-73-84"


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_firmware_versions_order_as_numbers(first: int, second: int) -> None:
    one, other = FirmwareVersion(first), FirmwareVersion(second)
    assert (one < other) == (first < second) == (str(one) < str(other))
    assert FirmwareVersion.parse(str(one).lower()) == one


@pytest.mark.parametrize("text", ["", "2012F", "0002012FF", "0x02012F", "0002012G", "0.2.303"])
def test_firmware_version_refuses_everything_else(text: str) -> None:
    with pytest.raises(IdentityError, match="0002012F"):
        FirmwareVersion.parse(text)


def test_an_image_version_packs_into_the_four_bytes() -> None:
    assert str(FirmwareVersion.from_image_version(0, 2, 303)) == "0002012F"
    with pytest.raises(IdentityError, match="does not fit"):
        FirmwareVersion.from_image_version(0, 256, 0)


def test_numbers_out_of_range_are_no_identifiers() -> None:
    with pytest.raises(IdentityError):
        Eui64(1 << 64)
    with pytest.raises(IdentityError):
        FirmwareVersion(-1)
    with pytest.raises(IdentityError, match="7 bytes"):
        Eui64.from_bytes(bytes(7))


@pytest.mark.parametrize("name", ["", " 10A3", "10A3 ", "é", "1" * 31, "a\nb", "10A3\n"])
def test_a_device_model_has_printable_names_only(name: str) -> None:
    with pytest.raises(IdentityError):
        DeviceModel(name, "0BADCAFE")
    with pytest.raises(ValidationError):
        TypeAdapter(DeviceModel).validate_python({"manufacturer": "10A3", "model": name})


def test_identifiers_pass_through_json_as_their_canonical_text() -> None:
    adapter = TypeAdapter(tuple[Eui64, FirmwareVersion])
    value = (Eui64.parse("00:0b:6b:00:00:00:00:2a"), FirmwareVersion(0x0002012F))
    assert adapter.dump_json(value) == b'["00-0B-6B-00-00-00-00-2A","0002012F"]'
    assert adapter.validate_json(adapter.dump_json(value)) == value
    assert adapter.json_schema()["prefixItems"][0]["pattern"] == "^([A-F0-9]{2}-){7}[A-F0-9]{2}$"
    with pytest.raises(ValidationError):
        adapter.validate_json('["00-0B-6B","0002012F"]')
