"""What a scanner's line means, and which label belongs to which hub."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_catalog.identity import Eui64
from station.attempt.authorise import ScannedLabel
from station.bench.labels import ScanRefused, ScanUnreadable, SlotCode, read_scan
from station.bench.scans import ScanSession

CHF, GPF = Eui64.parse("88-73-84-00-00-00-00-01"), Eui64.parse("88-73-84-00-00-00-00-02")


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("88-73-84-00-00-00-00-01", ScannedLabel(CHF)),
        ("8873840000000001\r", ScannedLabel(CHF)),
        ("\x0288:73:84:00:00:00:00:02\x03", ScannedLabel(GPF)),
        ("GPF 8873840000000002", ScannedLabel(GPF, "GPF")),
        ("chf:88-73-84-00-00-00-00-01", ScannedLabel(CHF, "CHF")),
        ("3", SlotCode(None, 3)),
        ("slot 3", SlotCode(None, 3)),
        ("Slot3", SlotCode(None, 3)),
        ("jig1/8", SlotCode("jig1", 8)),
        ("jig1 slot 8", SlotCode("jig1", 8)),
        ("jig1/slot 8", SlotCode("jig1", 8)),
    ],
)
def test_a_line_is_a_label_or_a_slots_code(line, meaning):
    assert read_scan(line) == meaning


@pytest.mark.parametrize(
    "line", ["0", "9", "slot", "jig1", "887384000000000", "88-73-84:00:00:00:00:01", "\xff\xfe"]
)
def test_what_is_neither_is_unreadable_in_one_line(line):
    with pytest.raises(ScanUnreadable, match="scan it again"):
        read_scan(line)


@given(st.text())
def test_noise_is_never_more_than_unreadable(text):
    try:
        scan = read_scan(text)
    except ScanUnreadable as error:
        scan, said = None, str(error)
    else:
        said = ""
    assert scan is None or isinstance(scan, SlotCode | ScannedLabel)
    assert "\n" not in said
    assert len(said) < 200


def session_of(jig: str | None):
    taken = []

    async def take(jig, slot, label):
        taken.append((jig, slot, label))
        return "taken"

    return ScanSession(jig, take), taken


def test_a_slots_code_is_for_the_next_label_alone():
    session, taken = session_of("jig1")

    async def work():
        assert await session.read("  ") is None
        assert await session.read("3") == "jig1 slot 3: scan its hub's label"
        assert await session.read(str(CHF)) == "taken"
        await session.read(str(GPF))
        await session.read("jig2/4")
        with pytest.raises(ScanUnreadable):
            await session.read("noise")
        await session.read(str(GPF))

    asyncio.run(work())
    expected = [
        ("jig1", 3, ScannedLabel(CHF)),
        ("jig1", None, ScannedLabel(GPF)),
        ("jig2", 4, ScannedLabel(GPF)),
    ]
    assert taken == expected


def test_a_scanner_of_several_jigs_needs_to_be_told_which():
    session, taken = session_of(None)

    async def work():
        with pytest.raises(ScanRefused, match=r"slot 3 of which jig\? Scan a code such as jig1/3"):
            await session.read("3")
        with pytest.raises(ScanRefused, match="for which slot"):
            await session.read(str(CHF))
        await session.read("jig2/3")
        await session.read(str(CHF))

    asyncio.run(work())
    assert taken == [("jig2", 3, ScannedLabel(CHF))]
