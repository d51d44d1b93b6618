"""What a scanner's line means, and which label belongs to which hub."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from firmware_catalog.identity import Eui64
from station.bench.labels import (
    ActCode,
    Badge,
    NewBox,
    ScanRefused,
    ScanUnreadable,
    SlotCode,
    Undo,
    read_badge,
    read_scan,
)
from station.bench.scan_session import ScanSession
from station.bench.settings import PeopleSettings
from station.domain.label import ScannedLabel
from station.domain.scan_said import ScanCode, ScanSaid
from station.domain.slot_name import SlotName
from station.packing.codes import Package
from station.texts.scans import scan_line
from station.texts.texts import ENGLISH

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
        # What a scanner says first of the kind of code (AIM, ISO/IEC 15424).
        ("]C188-73-84-00-00-00-00-01", ScannedLabel(CHF)),
        ("]d2GPF 8873840000000002", ScannedLabel(GPF, "GPF")),
        ("]Q3jig1/8", SlotCode("jig1", 8)),
        # Hyphens and strokes by keyboards of other layouts: German, French, Spanish, Nordic; and typographic ones.
        ("88ß73ß84ß00ß00ß00ß00ß01", ScannedLabel(CHF)),
        ("88)73)84)00)00)00)00)01", ScannedLabel(CHF)),
        ("88'73'84'00'00'00'00'01", ScannedLabel(CHF)),
        ("GPF 88+73+84+00+00+00+00+02", ScannedLabel(GPF, "GPF")),
        ("88\u201373\u201384\u201300\u201300\u201300\u201300\u201301", ScannedLabel(CHF)),
        ("jig1-8", SlotCode("jig1", 8)),
        ("JIG1&8", SlotCode("jig1", 8)),
        ("rig-2_8", SlotCode("rig-2", 8)),
        ("undo", Undo()),
        ("Done", ActCode.DONE),
        ("]C1SUPERVISOR", ActCode.SUPERVISOR),
        ("print", ActCode.PRINT),
        ("new carton", NewBox(Package.CARTON, None)),
        ("NEW PALLET WO-2031", NewBox(Package.PALLET, "WO-2031")),
        ("]C1CANCEL", Undo()),
    ],
)
def test_a_line_is_a_label_or_a_slots_code(line, meaning):
    assert read_scan(line, ["jig1", "rig-2"]) == meaning


@pytest.mark.parametrize(
    "line",
    [
        "0",
        "9",
        "slot",
        "jig1",
        "887384000000000",
        "88-73-84:00:00:00:00:01",
        "\xff\xfe",
        "]C1",
        "88ß73+84",
        "undone",
    ],
)
def test_what_is_neither_is_unreadable_in_one_line(line):
    with pytest.raises(ScanUnreadable, match="scan it again"):
        read_scan(line)


@pytest.mark.parametrize(
    "line", ["]C100106141412345678908", "00106141412345678908", "(00)106141412345678908"]
)
def test_the_carriers_code_of_a_carton_is_no_hubs_label(line):
    with pytest.raises(ScanUnreadable, match="an SSCC, which is for the carrier; scan the bar code above it"):
        read_scan(line)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("BADGE-4711ab42", "4711AB42"),
        ("]Q3badge-4711AB42\r", "4711AB42"),
        ("BADGE-" + "Z" * 64, "Z" * 64),
        ("88-73-84-00-00-00-00-01", None),
        ("BADGE4711AB42", None),
        ("jig1/3", None),
        ("", None),
    ],
)
def test_a_badge_is_told_by_its_prefix_and_shows_its_code_nowhere(line, code):
    badge = read_badge(line, "BADGE-")
    assert badge == (None if code is None else Badge(code))
    assert code is None or code not in repr(badge)


@pytest.mark.parametrize(
    "line", ["BADGE-", "BADGE-471", "BADGE-4711AB42 BADGE-4711AB42", "BADGE-" + "Z" * 65]
)
def test_half_a_badge_or_two_in_one_are_refused_and_not_shown(line):
    with pytest.raises(ScanUnreadable, match=r"^a badge, and not the whole of it"):
        read_badge(line, "BADGE-")


@pytest.mark.parametrize("prefix", ["", "8873", "CAFE-", "x", "BADGE ", "BADGE:", "A" * 17, "Ü-"])
def test_what_a_label_could_begin_with_is_no_prefix_of_badges(prefix):
    with pytest.raises(ValidationError, match=r"one of them from G to Z|at most 16"):
        PeopleSettings(badge_prefix=prefix)


def test_a_keyboard_that_makes_signs_of_digits_is_named():
    with pytest.raises(ScanUnreadable, match="is typed for another keyboard layout: set the scanner"):
        read_scan("__)è\"_(')àà)àà)àà)àà)à&")


@given(st.sampled_from("-:ß)'+?/&_ \u2010"), st.integers(0, 2**64 - 1))
def test_whatever_stands_between_the_digits_the_digits_are_kept(hyphen, value):
    device = Eui64(value)
    assert read_scan(str(device).replace("-", hyphen)) == ScannedLabel(device)


@given(st.text())
def test_noise_is_never_more_than_unreadable(text):
    try:
        scan = read_scan(text)
    except ScanUnreadable as error:
        scan, said = None, str(error)
    else:
        said = ""
    assert scan is None or isinstance(scan, SlotCode | ScannedLabel | Undo)
    assert "\n" not in said
    assert len(said) < 200


@given(
    st.sampled_from(["BADGE-", "BADGE?", "badge-", "ADGE-", ""]),
    st.from_regex("[0-9A-Z]{6,70}", fullmatch=True),
)
def test_a_badge_is_read_or_refused_and_never_shown_however_it_is_garbled(prefix, code):
    try:
        scan = read_scan(prefix + code, ["jig1"], "BADGE-")
    except ScanUnreadable as error:
        scan, said = None, str(error)
    else:
        said = repr(scan)
        assert isinstance(scan, Badge) == (prefix.upper() == "BADGE-")
    assert scan in {None, Badge(code)} or not prefix
    assert code not in said


def session_of(jig: str | None):
    taken = []

    class Taker:
        async def take(self, jig, slot, label):
            taken.append((jig, slot, label))
            return "taken"

        async def take_back(self, jig, slot, label):
            taken.append(("back", jig, slot, label))
            return "taken back"

    return ScanSession(jig, ["jig1", "jig2"], Taker()), taken


async def test_a_jig_that_is_not_there_is_refused_with_those_that_are():
    session, taken = session_of(None)

    with pytest.raises(ScanRefused, match=r"^there is no jig jig7; this bench has jig1, jig2$"):
        await session.read("jig7/1")
    with pytest.raises(ScanRefused, match="for which slot"):
        await session.read(str(CHF))
    assert taken == []


async def test_undo_takes_the_last_label_back_once_and_with_a_slot_the_one_that_waits_there():
    session, taken = session_of("jig1")

    with pytest.raises(ScanRefused, match="nothing to undo"):
        await session.read("undo")
    await session.read(str(CHF))
    assert await session.read("undo") == "taken back"
    with pytest.raises(ScanRefused, match="nothing to undo"):
        await session.read("undo")
    await session.read("jig2/3")
    await session.read("UNDO")
    await session.read(str(GPF))
    assert taken == [
        ("jig1", None, ScannedLabel(CHF)),
        ("back", "jig1", None, ScannedLabel(CHF)),
        ("back", "jig2", 3, None),
        ("jig1", None, ScannedLabel(GPF)),
    ]


async def test_a_slots_code_is_for_the_next_label_alone():
    session, taken = session_of("jig1")

    assert await session.read("  ") is None
    chosen = await session.read("3")
    assert chosen == ScanSaid.at(SlotName(jig="jig1", slot=3), ScanCode.CHOSEN)
    assert scan_line(ENGLISH, chosen) == "jig1 slot 3: scan the label of what is to sit there"
    assert await session.read(str(CHF)) == "taken"
    await session.read(str(GPF))
    await session.read("jig2/4")
    with pytest.raises(ScanUnreadable):
        await session.read("noise")
    await session.read(str(GPF))
    expected = [
        ("jig1", 3, ScannedLabel(CHF)),
        ("jig1", None, ScannedLabel(GPF)),
        ("jig2", 4, ScannedLabel(GPF)),
    ]
    assert taken == expected


async def test_a_scanner_of_several_jigs_needs_to_be_told_which():
    session, taken = session_of(None)

    with pytest.raises(ScanRefused, match=r"slot 3 of which jig\? Scan a code such as jig1/3"):
        await session.read("3")
    with pytest.raises(ScanRefused, match="for which slot"):
        await session.read(str(CHF))
    await session.read("jig2/3")
    await session.read(str(CHF))
    assert taken == [("jig2", 3, ScannedLabel(CHF))]
