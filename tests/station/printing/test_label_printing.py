"""Labels to a printer that behaves as printers do: none is lost, none is printed twice unsaid, and nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches.looking import until, until_so
from simulators.label_printer import LabelPrinter, Trouble
from station.packing.codes import Package, PackageCode
from station.papers.label import Media, PackageLabel
from station.papers.sscc import SsccRange
from station.printing.label_folder import LabelFolder
from station.printing.network_printer import NetworkPrinter
from station.printing.places import LabelPlace
from station.printing.queue import LabelQueue
from station.printing.settings import PrinterSettings
from station.printing.state import AnswerUnreadable, read_errors, read_status
from station.records.errors import EventRefused
from station.records.facts.package_labels import (
    AskedLabel,
    PackageLabelAsked,
    PackageLabelBegun,
    PackageLabelPrinted,
    package_labels_of,
    waiting_package_labels,
)
from station.records.journal import Journal
from station.records.reader import JournalReader
from station.records.verify import verify

UNKNOWN = 77
RANGE = SsccRange(company_prefix="5012345")


def label(number: int, package: Package = Package.CARTON, *, again: bool = False) -> PackageLabelAsked:
    sscc = RANGE.sscc(PackageCode(Package.CARTON, number))
    return PackageLabelAsked(package=package, number=number, order="WO-1", sscc=sscc, again=again)


async def content(asked: AskedLabel) -> PackageLabel | None:
    if asked.code.number == UNKNOWN:
        return None
    return PackageLabel(
        code=asked.code,
        sscc=asked.sscc,
        order=asked.order,
        owner="PARTY",
        hubs=16,
        model="10A8 / 00000011",
        variant="DBCH",
        firmware="0102012F",
    )


class PrintingBench:
    """A journal, a simulated printer, and what people were told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printer = LabelPrinter()
        self.said: list[str | None] = []

    @property
    def last(self) -> str | None:
        return self.said[-1] if self.said else None

    @asynccontextmanager
    async def journal(self) -> AsyncIterator[Journal]:
        async with Journal.open(self.folder, site="s", station="b") as journal:
            yield journal

    @asynccontextmanager
    async def printing(self, journal: Journal, place: LabelPlace) -> AsyncIterator[None]:
        queue = LabelQueue(
            journal, content, place, Media(), self.said.append, name="label printer", retry_seconds=0.02
        )
        task = asyncio.create_task(queue.run())
        try:
            yield
            assert not task.done(), task.exception()
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def until_printed(self, journal: Journal) -> None:
        async def all_printed() -> bool:
            return not await journal.ask(waiting_package_labels)

        await until_so(all_printed)

    def printed(self) -> list[tuple[int, str]]:
        """Return the number and the copy that each label shows."""
        found = []
        for each in self.printer.printed:
            texts = [field.split(b"^FS")[0].decode() for field in each.split(b"^FD")[1:]]
            (code,) = [text[2:] for text in texts if text.startswith(">:CTN")]
            found.append(
                (
                    PackageCode.parse(code).number,
                    next((text for text in texts if text.startswith("COPY")), ""),
                )
            )
        return found


def reached(port: int, seconds: float = 30) -> NetworkPrinter:
    """Return a printer that may take its time: on a busy machine it does."""
    settings = PrinterSettings(host="localhost", port=port, answer_seconds=seconds)
    return NetworkPrinter(settings, look_seconds=0.01)


@pytest.fixture
def bench(tmp_path: Path) -> PrintingBench:
    return PrintingBench(tmp_path / "journal")


BEFORE = {
    Trouble.NO_LABELS: "label printer: no labels are left; labels that wait: 2",
    Trouble.HEAD_OPEN
    | Trouble.NO_LABELS: "label printer: no labels are left, its head is open; labels that wait: 2",
    Trouble.SILENT: "label printer: it does not answer; see to it; labels that wait: 2",
    Trouble.HALF_ANSWERS: "label printer: it does not answer; see to it; labels that wait: 2",
    Trouble.PAUSED: "label printer: it pauses; labels that wait: 2",
    Trouble.BABBLES: "label printer: it does not speak as a label printer does",
}
SAID = BEFORE.keys() - {Trouble.SILENT, Trouble.HALF_ANSWERS}
"""What a printer says itself; the others are told by the time that it takes."""


async def test_nothing_is_sent_to_a_printer_that_cannot_and_all_is_once_it_can(bench: PrintingBench) -> None:
    async with bench.journal() as journal, bench.printer.serving() as port:
        await journal.append(label(1), label(2))
        for trouble, told in BEFORE.items():
            bench.printer.trouble = trouble
            bench.said.clear()
            async with bench.printing(journal, reached(port, 30 if trouble in SAID else 0.2)):
                await until(lambda told=told: str(bench.last).startswith(told))
            assert not bench.printer.buffered
        async with bench.printing(journal, reached(port)):
            await until(lambda: bench.last is not None)
            bench.printer.trouble = Trouble(0)
            await bench.until_printed(journal)
            await until(lambda: bench.last is None)
    assert bench.printed() == [(1, ""), (2, "")]


async def test_what_stops_a_printer_that_has_a_label_is_told_until_the_label_is_out(
    bench: PrintingBench,
) -> None:
    async with (
        bench.journal() as journal,
        bench.printer.serving() as port,
        bench.printing(journal, reached(port)),
    ):
        for trouble in (Trouble.NO_LABELS, Trouble.PAUSED, Trouble.HEAD_OPEN):
            bench.printer.trouble = Trouble.STUCK
            await journal.append(label(len(bench.printer.printed) + 1))
            await until(lambda: bench.printer.buffered)
            bench.printer.trouble = trouble
            await until(lambda: bench.last is not None)
            (waiting,) = await journal.ask(waiting_package_labels)
            assert waiting.sent_before == 1
            bench.printer.trouble = Trouble(0)
            await bench.until_printed(journal)
            await until(lambda: bench.last is None)
    assert bench.printed() == [(1, ""), (2, ""), (3, "")]


async def test_a_label_that_may_be_there_comes_again_as_a_copy(bench: PrintingBench) -> None:
    """The printer hangs up over it; the station dies over the next; somebody wants another of the third."""
    async with bench.journal() as journal, bench.printer.serving() as port:
        bench.printer.trouble = Trouble.HANGS_UP
        await journal.append(label(1))
        async with bench.printing(journal, reached(port)):
            await until(lambda: "it has hung up; the label of CTN00000013 may be there" in str(bench.last))
            bench.printer.trouble = Trouble(0)
            await bench.until_printed(journal)
            bench.printer.trouble = Trouble.NO_LABELS
            await journal.append(label(2))
            await until(lambda: "no labels" in str(bench.last))
        bench.printer.trouble = Trouble.STUCK
        async with bench.printing(journal, reached(port)):
            await until(lambda: bench.printer.buffered)
    async with bench.journal() as journal, bench.printer.serving() as port:
        bench.printer.power_cycle()
        bench.printer.trouble = Trouble(0)
        async with bench.printing(journal, reached(port)):
            await bench.until_printed(journal)
            await journal.append(label(3))
            await bench.until_printed(journal)
            await journal.append(label(3, again=True))
            await journal.append(label(4, again=True))
            await bench.until_printed(journal)
    number, copy = zip(*bench.printed(), strict=True)
    assert number == (1, 2, 3, 3, 4)
    assert copy[1:] == ("COPY 1", "", "COPY 1", "COPY 1")
    assert copy[0].startswith("COPY ")
    assert verify(bench.folder).events
    with JournalReader(bench.folder) as reader:
        asked = reader.ask(package_labels_of, PackageCode(Package.CARTON, 3))
    assert [each.printed is not None for each in asked] == [True, True]


async def test_a_printer_that_is_away_and_one_that_nobody_knows(bench: PrintingBench) -> None:
    async with bench.journal() as journal:
        await journal.append(label(1))
        async with bench.printer.serving() as port:
            pass
        async with bench.printing(journal, reached(port)):
            await until(lambda: "it is not reached: Connection refused; see" in str(bench.last))
            async with bench.printer.serving(port):
                await bench.until_printed(journal)
        await journal.append(label(2))
        nowhere = NetworkPrinter(PrinterSettings(host="no-such-printer.invalid", answer_seconds=2))
        async with bench.printing(journal, nowhere):
            await until(lambda: "it is not reached: " in str(bench.last))


async def test_labels_into_a_folder(bench: PrintingBench, tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    async with bench.journal() as journal:
        await journal.append(label(UNKNOWN), label(1), label(2))
        async with bench.printing(journal, LabelFolder(folder)):
            await until(lambda: "No such file or directory; make or mount it" in str(bench.last))
            folder.mkdir()
            await until(lambda: "labels that wait: 1" in str(bench.last))
    assert "is in no books any more; bring the journal's finished segments back; labels that wait: 1" in str(
        bench.last
    )
    names = sorted(each.name for each in folder.iterdir())
    assert [name[:12] for name in names] == ["CTN00000013-", "CTN00000021-"]
    assert all((folder / name).read_bytes().endswith(b"^XZ\n") for name in names)
    assert all(b"COPY" not in (folder / name).read_bytes() for name in names)


async def test_an_sscc_is_one_cartons_for_ever(bench: PrintingBench) -> None:
    async with bench.journal() as journal:
        (asked,) = await journal.append(label(1))
        with pytest.raises(EventRefused, match=r"SSCC \d{18} is CTN00000013's: configure another range"):
            await journal.append(label(1, Package.PALLET))
        with pytest.raises(EventRefused, match="no label asked for in row 99 waits"):
            await journal.append(PackageLabelBegun(asked=99))
        await journal.append(PackageLabelPrinted(asked=asked.sequence))
        with pytest.raises(EventRefused, match="waits to be printed"):
            await journal.append(PackageLabelPrinted(asked=asked.sequence))


HQES = b"\x02\r\n  PRINTER STATUS\r\n   ERRORS:         1 00000000 00010005\r\n   WARNINGS:       1 00000000 00000002\r\n\x03"
HS = b"\x02014,1,1,1245,002,0,0,1,000,0,0,1\x03\r\n\x02000,0,1,1,1,2,4,0,00000003,1,000\x03\r\n\x021234,0\x03\r\n"


def test_what_printers_say_of_themselves() -> None:
    assert str(read_errors(HQES)) == "no labels are left, its head is open, it pauses"
    assert str(read_errors(HQES.replace(b"00000000 00010005", b"00000001 00800001"))) == (
        "no labels are left, error 0000000100800000"
    )
    status = read_status(HS)
    assert status is not None
    assert status.faults == (
        "no labels are left",
        "it pauses",
        "its head is too hot",
        "its head is open",
        "no ribbon is left",
    )
    assert (status.waiting, status.partial, status.idle) == (5, True, False)
    for answer, read in ((HQES, read_errors), (HS, read_status)):
        last = answer.rindex(b"\x03")
        assert all(read(answer[:length]) is None for length in range(last))
        assert read(answer[: last + 1]) is not None


@given(st.binary(max_size=60) | st.text("\x02\x03,0123456789\r\n", max_size=80).map(str.encode))
def test_whatever_comes_is_an_answer_or_none(answer: bytes) -> None:
    for read in (read_errors, read_status):
        with suppress(AnswerUnreadable):
            read(answer)
