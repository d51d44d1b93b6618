"""A span's throughput as one page, for whoever answers for the rigs."""

from __future__ import annotations

from station.reports.figures import PartFigures, Tally, UseFigures
from station.reports.rows import Use
from station.throughput.course import part_name, unit_of
from station.throughput.markup import Page
from station.throughput.plots import Bar, columns, rows
from station.throughput.throughput import Throughput

WAITS = {
    Use.HANDS: "a pair of hands, and a boot",
    Use.NO_ORDER: "an order for the jig",
    Use.AWAY: "one that left before its result",
    Use.OUT_OF_USE: "a person who enables the slot",
    Use.STOPPED: "a person who resets the jig after its emergency stop",
    Use.DOWN: "the station, which did not run",
}
"""What a slot waits for while it does not work."""


def throughput_page(told: Throughput, *, subject: str, when: str) -> str:
    """Return the page as HTML. `subject` says which jig, order or model it is about, `when` the span."""
    figures, every = told.figures, told.figures.all
    page = Page(f"Throughput of {subject}", when)
    if not every.results:
        page.text("p", "Nothing had a result.")
    else:
        page.tiles(
            [
                (_number(every.hubs_an_hour), f"{figures.devices} an hour"),
                (_percent(every.first_pass_yield), "pass at the first attempt"),
                (_percent(every.utilisation), "of the slots' time is work"),
                (f"{_number(every.hands_p50)} s", "from a result to the next one, half of them"),
                (str(every.results), "results"),
            ]
        )
    page.points(told.notes)
    if told.named:
        page.text("h2", "Look at these slots")
        page.points(rate.line for rate in told.named)
    if figures.course and every.results:
        unit = unit_of(told.span)
        page.text("h2", f"By the {unit}")
        page.plot(
            columns(
                "Passed or current, an hour in which the station ran",
                [Bar(part_name(part.span, unit), part.hubs_an_hour) for part in figures.course],
                axis=f"{figures.devices} an hour",
            )
        )
        page.table(
            (unit, "done", "failed", "hours", "an hour"),
            (_course_row(part, part_name(part.span, unit)) for part in figures.course if part.hours),
        )
    if figures.of_bridges:
        page.text("h2", "Hubs, and bridges by their type")
        page.table(
            ("kind", *_TALLY),
            ((each.kind or "not known", *_tally_row(each.tally)) for each in figures.kinds),
        )
    if figures.jigs:
        page.text("h2", "Jigs and slots")
        page.table(
            ("", *_TALLY),
            (
                *((jig.jig, *_tally_row(jig.tally)) for jig in figures.jigs),
                *((f"{slot.jig} slot {slot.slot}", *_tally_row(slot.tally)) for slot in figures.slots),
            ),
        )
        if figures.uses:
            page.plot(
                rows(
                    "Work, of the time in which the station ran",
                    [
                        Bar(f"{slot.jig} slot {slot.slot}", 100 * (slot.tally.utilisation or 0))
                        for slot in figures.slots
                    ],
                    axis="%",
                )
            )
        page.plot(
            rows(
                "From a result to the next one",
                [
                    Bar(f"{slot.jig} slot {slot.slot}", slot.tally.hands_p50, slot.tally.hands_p95)
                    for slot in figures.slots
                ],
                axis="seconds",
            )
        )
    if figures.stages:
        page.text("h2", "Stages")
        page.plot(
            rows(
                "How long a stage takes that is done",
                [Bar(each.stage, each.p50, each.p95) for each in figures.stages],
                axis="seconds",
            )
        )
        page.table(
            ("stage", "done", "failed", "50%, s", "95%, s"),
            (
                (each.stage, each.done, each.failed, _number(each.p50), _number(each.p95))
                for each in figures.stages
            ),
        )
    waits = [use for use in figures.uses if use.use != Use.WORK]
    if waits:
        page.text("h2", "What slots wait for")
        page.plot(rows("Slots' time", [Bar(use.use, use.seconds / 3600) for use in waits], axis="hours"))
        page.table(
            ("wait", "for", "hours", "share of the time in which the station ran"), map(_wait_row, waits)
        )
    return page.html()


_TALLY = (
    *("results", "passed", "current", "rejected", "failed", "an hour", "first pass", "work"),
    *("next one 50%, s", "95%, s"),
)


def _tally_row(tally: Tally) -> tuple[object, ...]:
    return (
        tally.results,
        tally.passed,
        tally.already_current,
        tally.rejected,
        tally.failed,
        _number(tally.hubs_an_hour),
        _percent(tally.first_pass_yield),
        _percent(tally.utilisation),
        _number(tally.hands_p50),
        _number(tally.hands_p95),
    )


def _course_row(part: PartFigures, name: str) -> tuple[object, ...]:
    return name, part.done, part.failed, f"{part.hours:.2f}", _number(part.hubs_an_hour)


def _wait_row(use: UseFigures) -> tuple[object, ...]:
    return use.use, WAITS[Use(use.use)], f"{use.seconds / 3600:.2f}", _percent(use.share)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}%"
