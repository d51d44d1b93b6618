"""The texts of a language: whole or refused, one clear line for each fault; and every sentence of ours fits."""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from benches.sentences import SENTENCES, line_of
from benches.station_bench import Bench
from firmware_catalog.devices import Family
from firmware_catalog.identity import Eui64, FirmwareVersion
from station.daemon.assembly import Daemon
from station.domain.config_error import ConfigError
from station.domain.interlock import interlock
from station.domain.jig_order import JigOrder
from station.domain.outcome import Stage
from station.domain.phase import SlotPhase
from station.domain.reason import LIFTED_BY, NEEDS, Reason
from station.domain.scan_said import SCAN_NEEDS, ScanCode, ScanSaid
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.domain.statement import Details, Statement
from station.sentences import Sentences
from station.texts import needed, texts
from station.texts.scans import scan_line

SHIPPED = Path(texts.__file__).with_name("en.toml")
LINES = [(table, key) for table, lines in needed.NEEDED.items() for key in lines]
PLACE = SlotName(jig="jig1", slot=4)
GIVEN: dict[str, Any] = {
    "label": Eui64(2),
    "hub": Eui64(4),
    "own": Eui64(4),
    "jig": "jig1",
    "times": 3,
    "seconds": 2.5,
    "slots": (1, 2),
    "part": "publisher",
    "left": FirmwareVersion(1),
    "runs": FirmwareVersion(2),
    "free": 3,
    "least": 256,
    "folder": "/var/lib/reflash",
    "unsettled": "is not locked",
    "detail": "ValueError",
}


def details_of(reason: Reason) -> dict[str, Any]:
    return {name: GIVEN[name] for name in NEEDS.get(reason, ())}


def changed(table: str, key: str, line: object) -> str:
    """Return the English file with another line, or with one less."""
    document: Any = tomlkit.parse(SHIPPED.read_text(encoding="utf-8"))
    if line is None:
        del document[table][key]
    else:
        document[table][key] = line
    return tomlkit.dumps(document)


def refused(content: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        texts.parse(content.encode(), "cy")
    return str(caught.value).splitlines()


@given(st.sampled_from(LINES))
def test_a_missing_line_is_refused_and_named(place: tuple[str, str]) -> None:
    table, key = place
    assert refused(changed(table, key, None)) == [f"texts cy: {table}.{key} is missing; translate it"]


@pytest.mark.parametrize(
    ("table", "key", "line", "told"),
    [
        ("do", "dance", "dance", "do.dance is no line of it; take it out"),
        (
            "do",
            "find",
            "find {hubb}",
            "do.find fills in {hubb}, which is not told there and leaves out {hub}; it needs {hub}",
        ),
        ("do", "find", "find it", "do.find leaves out {hub}; it needs {hub}"),
        (
            "word",
            "seat",
            "{place}",
            "word.seat fills in {place}, which is not told there; it needs nothing filled in",
        ),
        ("do", "find", "find {hub!r}", "do.find fills in otherwise than by a name alone; write {hub}"),
        (
            "do",
            "find",
            "find {hub",
            "do.find has braces that do not match (expected '}' before end of string)",
        ),
        ("do", "find", "find\n{hub}", "do.find has more than one line; write it in one"),
        ("do", "find", 7, "do.find is no text; put it in quotes"),
    ],
)
def test_a_wrong_line_is_refused_and_named(table: str, key: str, line: object, told: str) -> None:
    (fault,) = refused(changed(table, key, line))
    assert fault.startswith(f"texts cy: {told}")


def test_every_fault_is_told_and_what_is_no_file_of_texts_at_all() -> None:
    without = SHIPPED.read_text(encoding="utf-8").replace("[stage]", "[stages]").replace('seat = "SEAT"', "")
    assert [fault.partition("; ")[0] for fault in refused(without)] == [
        "texts cy: [stages] is no part of it",
        "texts cy: word.seat is missing",
        "texts cy: [stage] is missing",
    ]
    (fault,) = refused("no TOML")
    assert "no TOML file" in fault


def test_a_station_with_a_wrong_language_does_not_start(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "cy.toml").write_text(changed("do", "seat", None), encoding="utf-8")
    for language, told in {
        "cy": "language 'cy' is not known: name en, or the whole path of a file of texts",
        "texts/cy.toml": "another file wherever a command is run",
        f"{tmp_path}/no.toml": "No such file",
        f"{tmp_path}/cy.toml": "do.seat is missing; translate it",
    }.items():
        settings = bench.station_settings(tmp_path, {"jig1": [1]}, language=language)
        with pytest.raises(ConfigError, match=told.replace("'", ".")) as caught:
            asyncio.run(Daemon(settings).run())
        assert len(str(caught.value).splitlines()) == 1
        assert not settings.journal_folder.exists(), "nothing was touched"


def test_a_device_is_called_by_its_family_in_any_line_that_wants_it() -> None:
    empty = SlotView(place=PLACE, phase=SlotPhase.EMPTY, reason=Reason.EMPTY)
    order = JigOrder(order="WO-B", family=Family.BRIDGE, hubs=2, done=0, not_done=0)
    awaits_bridges = empty.model_copy(update={"jig_order": order})
    assert [line_of(view) for view in (empty, awaits_bridges)] == [
        f"{PLACE}: empty; seat a {device}" for device in ("hub", "bridge")
    ]
    # A hub that sits on a jig of bridges is one all the same.
    hub = awaits_bridges.model_copy(update={"chf": Eui64(4), "gpf": Eui64(5)})
    assert hub.family is Family.HUB
    assert texts.parse(changed("word", "seat", "{device}").encode(), "cy").say("word", "seat") == "hub"


def test_another_language_is_one_file() -> None:
    shouted = {
        table: {
            key: "".join(
                part if part.startswith("{") else part.upper()
                for part in line.replace("{", "\0{").replace("}", "}\0").split("\0")
            )
            for key, line in lines.items()
        }
        for table, lines in tomllib.loads(SHIPPED.read_text(encoding="utf-8")).items()
    }
    view = SlotView(
        place=PLACE, phase=SlotPhase.EMPTY, reason=Reason.EXPECTED, details=Details(label=Eui64(2))
    )
    said = Sentences(texts.parse(tomlkit.dumps(shouted).encode(), "loud")).line(view)
    assert said == f"{PLACE}: SEAT HUB {Eui64(2)} HERE"


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_said_in_one_line_that_fits(reason: Reason) -> None:
    phase = SlotPhase.WORKING if reason in {Reason.WORKING, Reason.MISLABELLED} else SlotPhase.LOOKING
    view = SlotView(
        place=PLACE,
        phase=phase,
        reason=reason,
        details=Details(**details_of(reason)),
        chf=Eui64(4),
        stage=Stage.FLASH,
    )
    line = line_of(view)
    assert line.startswith(f"{PLACE}: ")
    assert len(line) <= 120
    assert "{" not in line
    assert "hub" not in line.replace("golden hub", ""), "it has one id alone, so it is a bridge"


@pytest.mark.parametrize("reason", [*LIFTED_BY, Reason.PART_FAILED, Reason.CATALOGUE_ENDS])
def test_what_is_wrong_with_more_than_a_slot_is_said_in_one_line(reason: Reason) -> None:
    for jig, slot in ((None, None), ("jig1", None), ("jig1", 4)):
        assert SENTENCES.interlock(interlock(reason, jig=jig, slot=slot, **details_of(reason)))


@pytest.mark.parametrize("code", ScanCode)
def test_every_answer_to_a_scan_is_said_in_one_line(code: ScanCode) -> None:
    scan: dict[str, Any] = {
        "named": "jig7",
        "jigs": ("jig1",),
        "number": 3,
        "example": "jig1/3",
        "prefix": "B-",
    }
    facts = {name: {**GIVEN, **scan}[name] for name in SCAN_NEEDS.get(code, ())}
    assert "{" not in scan_line(texts.ENGLISH, ScanSaid.at(PLACE, code, **facts))
    of_bridge = scan_line(texts.ENGLISH, ScanSaid.at(PLACE, code, family=Family.BRIDGE, **facts))
    assert "hub" not in of_bridge.replace("reflash hubs put", "")
    if facts:
        with pytest.raises(ValueError, match=f"{code} is said without"):
            ScanSaid(code=code)


@given(st.sampled_from(list(NEEDS)))
def test_nothing_is_stated_of_which_nothing_can_be_said(reason: Reason) -> None:
    with pytest.raises(ValueError, match=f"{reason} is stated without"):
        Statement.of(reason)
    with pytest.raises(ValueError, match=f"{reason} is stated without"):
        SlotView(place=PLACE, phase=SlotPhase.LOOKING, reason=reason)
