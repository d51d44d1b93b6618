"""A serial label scanner, on a pseudo-terminal: noise, long lines, and a cable that comes and goes."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from station.bench.labels import read_scan
from station.bench.scanner import LabelScanner, LineReader
from station.bench.view import ScanView
from station.domain.scan_said import ScanSaid
from station.places.settings import ScannerSettings

SHOWN: list[ScanView] = []
LABEL, OTHER = b"8873840000000001", b"8873840000000002"


def lines_of(*pieces: bytes) -> list[str | None]:
    reader = LineReader()
    for piece in pieces:
        reader.received(piece)
    return [reader.lines.get_nowait() for _ in range(reader.lines.qsize())]


def test_lines_end_with_either_mark_or_both():
    assert lines_of(b"a\rb\nc\r\n\r\nd") == ["a", "b", "c"]


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)))
def test_where_the_bytes_are_cut_makes_no_difference(data, cuts):
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:end] for start, end in pairwise(edges)]
    together = [line for line in lines_of(data + b"\n") if len(line) < 128]
    apart = [line for line in lines_of(*pieces, b"\n") if len(line) < 128]
    assert together == apart


def test_noise_without_end_is_one_line_and_held_nowhere():
    noise, label = lines_of(*[b"\xff" * 100] * 50, b"\n" + LABEL + b"\n")
    assert noise == "\ufffd" * 128
    assert label == LABEL.decode()


@contextmanager
def scanner_at(link: Path) -> Iterator[int]:
    """Plug a scanner in at `link`; yield what writes to it."""
    master, slave = os.openpty()
    tty.setraw(slave)
    link.symlink_to(os.ttyname(slave))
    try:
        yield master
    finally:
        link.unlink()
        os.close(master)
        os.close(slave)


@asynccontextmanager
async def listening(link: Path):
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def read(text: str) -> ScanSaid:
        read_scan(text)
        heard.put_nowait(text)
        return ScanSaid.words("taken")

    scanner = LabelScanner("jig1", ScannerSettings(port=str(link)), read, SHOWN.append)
    task = asyncio.create_task(scanner.run())
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_scanner_is_heard_through_noise_and_after_its_cable_was_pulled(tmp_path):
    link = tmp_path / "scanner"

    async def work():
        async with listening(link) as heard:
            with scanner_at(link) as wire:
                # What is sent before the port is open is lost, so say it until it is heard.
                while heard.empty():
                    os.write(wire, LABEL + b"\r")
                    await asyncio.sleep(0.05)
                os.write(wire, b"\xff\x00garbage\n\x80more\n\x80and more\n" + OTHER + b"\r\n")
                while await heard.get() != OTHER.decode():
                    pass
            with scanner_at(link) as wire:
                while heard.empty():
                    os.write(wire, LABEL + b"\n")
                    await asyncio.sleep(0.05)

    SHOWN.clear()
    with capture_logs() as logs:
        asyncio.run(work())
    assert [scan.refused for scan in SHOWN].count(True) == 1, "noise is shown once, too"
    assert {scan.said for scan in SHOWN if not scan.refused} == {ScanSaid.words("taken")}
    noise = [entry for entry in logs if entry["event"] == "scan not understood"]
    assert len(noise) == 1, "noise is told once, until something is understood"
    lost = [entry["reason"] for entry in logs if entry["event"] == "scanner unavailable"]
    assert any("check the scanner's cable" in reason for reason in lost)
    assert all(entry["jig"] == "jig1" for entry in logs)
