"""The live picture: what to do is in sight at every size of terminal."""

from __future__ import annotations

import io

from rich.console import Console

from benches.sentences import SENTENCES
from firmware_catalog.identity import Eui64
from station.domain.interlock import Notice, interlock
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.domain.statement import Statement
from station.picture import BenchPicture

HUB = Eui64.parse("88-73-84-00-00-00-00-01")
GPF = Eui64.parse("88-73-84-00-00-00-01-01")


def view(jig: int, number: int, phase: SlotPhase, reason: Reason | Code, **more: object) -> SlotView:
    place = SlotName(jig=f"jig{jig}", slot=number)
    return SlotView.model_validate({"place": place, "phase": phase, "reason": reason, **more})


def working(jig: int, number: int, percent: int, **more: object) -> SlotView:
    more = {"chf": HUB, "gpf": GPF, "stage": Stage.FLASH, "percent": percent, **more}
    return view(jig, number, SlotPhase.WORKING, Reason.WORKING, **more)


def rejected(jig: int, number: int, code: Code, **more: object) -> SlotView:
    more = {"outcome": Outcome.REJECTED, "code": code, "chf": HUB, "gpf": GPF, **more}
    return view(jig, number, SlotPhase.REJECTED, code, **more)


def drawn(
    slots: list[SlotView], width: int, height: int, footer: str = "", faults: tuple[Notice, ...] = ()
) -> list[str]:
    """Return the rows that a terminal of this size shows."""
    picture = BenchPicture(lambda: slots, SENTENCES, lambda: faults)
    picture.footer = footer
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(picture)
    return [row.rstrip() for row in capture.get().splitlines()]


def test_in_80_columns_what_to_do_comes_whole_and_before_its_reason() -> None:
    for code in Code:
        slot = rejected(1, 4, code, details={"detail": "order WO-2031"})
        heading, row = drawn([slot], 80, 24)
        word, _, shown = row.partition("REJECTED")[2].strip().rstrip("…").partition(" ")
        shown = shown.strip()
        action = SENTENCES.of_slot(slot).do
        assert len(row) <= 80
        assert "what to do" in heading
        assert word == slot.to_do.upper()
        assert shown.startswith(action) or (action.startswith(shown) and len(shown) > 42)
    code, more = Code.FILE_TRANSFER_FAILURE, {"disposition": Disposition.RETRY_OTHER_SLOT}
    failed = view(1, 4, SlotPhase.FAILED, code, chf=HUB, gpf=GPF, outcome=Outcome.FAILED, code=code, **more)
    _, row = drawn([failed], 80, 24)
    assert "seat it in another slot \N{EN DASH} the firmware could" in row


def test_a_hub_that_does_not_answer_is_told_of_in_every_terminal() -> None:
    silent = working(1, 2, 42, silent_seconds=35)
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
    slots[10] = view(2, 3, SlotPhase.FIND_HUB, Reason.TAKEN_OUT, chf=HUB, gpf=GPF)
    slots[15] = rejected(2, 8, Code.NOT_ON_ORDER)
    lid = {"interlocks": (interlock(Reason.LID_OPEN, jig="jig1"),)}
    slots[:8] = [slot.model_copy(update=lid) for slot in slots[:8]]
    rows = drawn(slots, 80, 24, footer="scan again")
    assert rows[1].startswith("jig1")
    assert "the lid is open during writing: close it, " in rows[1]
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


def test_what_is_wrong_with_the_station_or_a_jig_is_said_once_and_first() -> None:
    failed = Statement.of(Reason.PART_FAILED, part="publisher", detail="it ended", seconds=4.0)
    full = interlock(Reason.DISK_LOW, free=3, least=256, folder="/var/lib/reflash")
    switch = interlock(Reason.SWITCH_DOUBTED, jig="jig1", slot=2)
    worn = interlock(Reason.HUBS_FAILED, jig="jig1", slot=3, times=3)
    disk = {"reason": Reason.DISK_LOW, "details": full.details}
    slots = [
        view(1, 1, SlotPhase.OUT_OF_USE, interlocks=(full,), **disk),
        working(1, 2, 42, interlocks=(full, switch)),
        view(1, 3, SlotPhase.OUT_OF_USE, worn.reason, details=worn.details, interlocks=(full, worn)),
    ]
    notice = Notice(reason=failed.reason, details=failed.details)
    rows = [" ".join(row.split()) for row in drawn(slots, 200, 24, faults=(notice,))]
    assert rows[1:] == [
        "station ALARM publisher: it ended; it is begun again in 4 s, tell the supervisor",
        "station ALARM only 3 MiB free for the journal in /var/lib/reflash: make room for 256",
        "jig1 ALARM slot 2: its switch says that it is empty, but a hub is powered or answers here: leave it in, mend the switch",
        "jig1 slot 1 OUT OF USE CALL call the supervisor",
        f"jig1 slot 2 {HUB} flash ━━━━━ 42% WAIT leave it in",
        "jig1 slot 3 OUT OF USE CALL call the supervisor (reflash jigs enable jig1 3) \N{EN DASH} out of use, 3 failed in a row, suspect the contacts",
    ]
