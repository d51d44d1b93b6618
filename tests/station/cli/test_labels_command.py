"""Labels and lists from the last scan into a carton to paper: the program, a daemon, and a simulated printer."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import zxingcpp

from benches import brokers
from benches.journal_samples import chf, closed, gpf, opened, order_events
from benches.looking import until
from benches.station_bench import Bench, at_broker, journal_of
from benches.station_config import write_config
from benches.station_daemon import events_of, running_daemon
from simulators.label_printer import LabelPrinter
from station.packing.codes import Package, PackageCode
from station.papers.sscc import read_sscc
from station.records.facts.package_labels import PackageLabelAsked, waiting_package_labels
from station.records.reader import JournalReader
from station.settings import StationSettings

HUBS = 2
MARGIN = 20.0
"""In points: 7 mm, which office printers can all do."""


@pytest.fixture
def facts(bench: Bench, shared_broker: brokers.Mosquitto, tmp_path: Path) -> dict[str, Any]:
    return bench.settings(
        tmp_path / "state",
        {"jig1": [1]},
        **at_broker(shared_broker.port),
        packing={"hubs_per_carton": 1, "cartons_per_pallet": 2},
        labels={
            "printer": {"host": "127.0.0.1", "port": 1, "answer_seconds": 30.0},
            "gs1": {"company_prefix": "5012345"},
        },
    )


async def pass_hubs(settings: StationSettings) -> None:
    """Have hubs passed for an order, as slots would."""
    async with journal_of(settings) as journal:
        await journal.append(*order_events(hubs=HUBS))
        for number in range(HUBS):
            (attempt,) = await journal.append(opened(number))
            await journal.append(closed(attempt.sequence, number))


def bars_of(pdf: Path) -> set[str]:
    document = pypdfium2.PdfDocument(pdf)
    image = document[0].render(scale=3).to_pil().convert("L")
    document.close()
    return {each.text for each in zxingcpp.read_barcodes(image)}


def text_of(pdf: Path) -> str:
    """Read the first page, of which no printer may cut anything off."""
    document = pypdfium2.PdfDocument(pdf)
    page = document[0]
    text = page.get_textpage()
    boxes = [text.get_charbox(each) for each in range(text.count_chars())]
    shown: str = text.get_text_bounded()
    width = page.get_width()
    document.close()
    assert min(left for left, *_ in boxes) > MARGIN
    assert max(right for _, _, right, _ in boxes) < width - MARGIN
    return shown


def test_labels_are_asked_for_as_cartons_close_and_printed_by_the_daemon(
    reflash: Callable[..., Any], facts: dict[str, Any], tmp_path: Path
) -> None:
    settings = StationSettings.model_validate(facts)
    config = ("--config", write_config(tmp_path / "station.toml", facts))
    asyncio.run(pass_hubs(settings))
    boxes = []
    for number in range(HUBS):
        boxes.append(reflash("cartons", "open", "WO-1", "--json", *config).json["carton"])
        assert reflash("cartons", "pack", boxes[-1], chf(number), *config).code == 0
    on = reflash("cartons", "pallet", "open", "WO-1", "--json", *config).json["pallet"]
    for box in boxes:
        assert reflash("cartons", "pallet", "put", on, box, *config).code == 0
    still_open = reflash("cartons", "open", "WO-1", "--json", *config).json["carton"]
    assert (
        "is open: its label is printed when it closes"
        in reflash("cartons", "label", still_open, *config).complaint
    )
    page, sent = tmp_path / "label.pdf", tmp_path / "label.zpl"
    early = reflash("cartons", "label", still_open, "--pdf", page, "--zpl", sent, *config).complaint
    assert f"carton {still_open} is open, and what is in it not settled: close it first" in early
    assert not page.exists()
    nobodys = PackageCode(Package.CARTON, 77)
    assert f"there is no carton {nobodys}" in reflash("cartons", "label", nobodys, *config).complaint

    with JournalReader(settings.journal_folder) as journal:
        waiting = journal.ask(waiting_package_labels)
    assert [str(each.code) for each in waiting] == [*boxes, on]
    for label in waiting:
        assert reflash("cartons", "label", label.code, "--pdf", page, "--zpl", sent, *config).code == 0
        assert bars_of(page) == {str(label.code), f"(00){label.sscc}"}
        assert read_sscc(f"(00){label.sscc}") == label.sscc
    assert b"^FD2 in 2 cartons^FS" in sent.read_bytes()

    listed = reflash("cartons", "packing-list", on, *config).out
    spread, pages = tmp_path / "pallet.csv", tmp_path / "pallet.pdf"
    assert reflash("cartons", "packing-list", on, "--csv", spread, "--pdf", pages, *config).code == 0
    rows = list(csv.DictReader(io.StringIO(listed, newline="")))
    assert spread.read_text("utf-8-sig").splitlines() == listed.splitlines()
    assert [(row["carton"], row["chf_id"], row["gpf_id"]) for row in rows] == [
        (boxes[number], str(chf(number)), str(gpf(number))) for number in range(HUBS)
    ]
    assert {row["firmware_version"] for row in rows} == {"0002012F"}
    shown = text_of(pages)
    assert " as this is written" not in shown
    assert reflash("cartons", "packing-list", still_open, "--pdf", pages, *config).code == 0
    assert f"Carton {still_open} is open as this is written: what is in it may change" in text_of(pages)
    assert f"Pallet {on}" in shown
    assert "2 hubs in 2 cartons" in shown
    assert str(chf(1)) in shown

    printer = LabelPrinter()

    async def work() -> None:
        async with printer.serving() as port:
            facts["labels"]["printer"]["port"] = port
            async with running_daemon(StationSettings.model_validate(facts)) as daemon:
                await until(lambda: len(printer.printed) >= 3)
                answer = await daemon.ask("print_label", code=boxes[0])
                assert answer["line"] == f"another label of carton {boxes[0]} is to be printed, as a copy"
                await until(lambda: len(printer.printed) >= 4)

    asyncio.run(work())
    copies = [b"COPY 1" in each for each in printer.printed]
    assert copies == [False, False, False, True]
    assert printer.printed[2] == sent.read_bytes().strip()
    asked = events_of(settings, PackageLabelAsked)
    assert asked[0].sscc == asked[3].sscc
    assert asked[3].actor is not None
    before = [line for line in printer.printed[0].splitlines() if b"COPY" not in line]
    assert before == [line for line in printer.printed[3].splitlines() if b"COPY" not in line]


def test_a_station_without_a_printer_makes_pages(
    reflash: Callable[..., Any], facts: dict[str, Any], tmp_path: Path
) -> None:
    facts["labels"] = {}
    settings = StationSettings.model_validate(facts)
    config = ("--config", write_config(tmp_path / "station.toml", facts))
    asyncio.run(pass_hubs(settings))
    box = reflash("cartons", "open", "WO-1", "--json", *config).json["carton"]
    assert reflash("cartons", "pack", box, gpf(0), *config).code == 0
    assert not events_of(settings, PackageLabelAsked)
    assert "nothing prints labels here" in reflash("cartons", "label", box, *config).complaint
    page = tmp_path / "label.pdf"
    assert reflash("cartons", "label", box, "--pdf", page, *config).code == 0
    assert bars_of(page) == {box}
    nowhere = reflash("cartons", "label", box, "--pdf", tmp_path / "none" / "label.pdf", *config)
    assert nowhere.complaint.endswith("No such file or directory; name a file that can be written")
    assert nowhere.code == 2
