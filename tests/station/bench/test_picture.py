"""The live picture: what to do is in sight at every size of terminal."""

from __future__ import annotations

import io

from rich.console import Console

from firmware_catalog.identity import Eui64
from station.attempt.wording import operator_line
from station.bench.phase import SlotPhase
from station.bench.view import SlotView
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.domain.slot_name import SlotName
from station.picture import BenchPicture

HUB = Eui64.parse("88-73-84-00-00-00-00-01")


def view(jig: int, number: int, phase: SlotPhase, line: str, **more: object) -> SlotView:
    place = SlotName(jig=f"jig{jig}", slot=number)
    return SlotView.model_validate({"place": place, "phase": phase, "line": f"{place}: {line}", **more})


def working(jig: int, number: int, percent: int) -> SlotView:
    line = f"flash {percent}%; leave it in"
    return view(jig, number, SlotPhase.WORKING, line, chf=HUB, stage=Stage.FLASH, percent=percent)


def drawn(
    slots: list[SlotView], width: int, height: int, footer: str = "", faults: tuple[str, ...] = ()
) -> list[str]:
    """Return the rows that a terminal of this size shows."""
    picture = BenchPicture(lambda: slots, lambda: faults)
    picture.footer = footer
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(picture)
    return [row.rstrip() for row in capture.get().splitlines()]


def test_in_80_columns_what_to_do_comes_whole_and_before_its_reason() -> None:
    place = SlotName(jig="jig1", slot=4)
    for code in Code:
        line = operator_line(str(place), Outcome.REJECTED, code, None, "order WO-2031")
        slot = SlotView(place=place, phase=SlotPhase.REJECTED, line=line, chf=HUB)
        heading, row = drawn([slot], 80, 24)
        word, _, shown = row.partition("REJECTED")[2].strip().rstrip("…").partition(" ")
        shown = shown.strip()
        action = line.rpartition("; ")[2]
        assert len(row) <= 80
        assert "what to do" in heading
        assert word == slot.to_do.upper()
        assert shown.startswith(action) or (action.startswith(shown) and len(shown) > 42)
    failed = operator_line(
        str(place), Outcome.FAILED, Code.FILE_TRANSFER_FAILURE, Disposition.RETRY_OTHER_SLOT
    )
    _, row = drawn([SlotView(place=place, phase=SlotPhase.FAILED, line=failed, chf=HUB)], 80, 24)
    assert "seat it in another slot \N{EN DASH} the firmware could" in row


def test_a_hub_that_does_not_answer_is_told_of_in_every_terminal() -> None:
    line = "flash 42%; no answer for 35 s; leave it in"
    silent = view(1, 2, SlotPhase.WORKING, line, chf=HUB, stage=Stage.FLASH, percent=42, silent_seconds=35)
    for height in (24, 4):
        rows = drawn([working(1, 1, 42), silent, working(1, 3, 42)], 100, height)
        assert sum("no answer for 35 s" in row for row in rows) == 1


def test_a_narrow_terminal_loses_ids_and_bars_and_keeps_the_percentage() -> None:
    slots = [working(1, 1, 42)]
    assert "88-73-84" not in drawn(slots, 80, 24)[1]
    assert "flash 42%" in drawn(slots, 80, 24)[1]
    assert "88-73-84-00-00-00-00-01" in drawn(slots, 100, 24)[1]
    wide = drawn(slots, 140, 24)[1]
    assert "━" in wide
    assert wide.count("42%") == 1


def test_24_slots_fit_a_terminal_of_24_rows_with_alarm_and_footer() -> None:
    slots = [working(jig, number, number) for jig in (1, 2, 3) for number in range(1, 9)]
    slots[10] = view(2, 3, SlotPhase.FIND_HUB, f"taken out; find hub {HUB} and seat it here or in any slot")
    slots[15] = view(2, 8, SlotPhase.REJECTED, "it is not; put it aside for the supervisor")
    slots[:8] = [slot.model_copy(update={"alarm": "the lid is open; close it"}) for slot in slots[:8]]
    rows = drawn(slots, 80, 24, footer="scan again")
    assert rows[1].startswith("jig1")
    assert "the lid is open; close it" in rows[1]
    assert rows[-1].endswith("scan again")
    assert [row.split("  ")[0] for row in rows[2:-1]] == [
        "jig1",
        "jig2",
        "jig2 slot 3",
        "jig2 slot 8",
        "jig3",
    ]
    assert "slots 1, 2, 4, 5, 6, 7: leave it in" in rows[3]
    assert "flash 1%" in rows[3], "the least of them"
    assert f"find hub {HUB}" in rows[4]


def test_24_slots_have_a_row_each_where_there_is_room() -> None:
    slots = [working(jig, number, number) for jig in (1, 2, 3) for number in range(1, 9)]
    assert len(drawn(slots, 80, 40)) == 25


def test_a_part_of_the_station_that_failed_is_the_first_row() -> None:
    rows = drawn([working(1, 1, 42)], 120, 24, faults=("publisher: it ended; tell the supervisor",))
    assert rows[1].split() == [
        "station",
        "ALARM",
        *["publisher:", "it", "ended;", "tell", "the", "supervisor"],
    ]
