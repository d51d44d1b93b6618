"""Slow images and slow disks keep waiting whom they concern, and nobody else."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benches.conducting import conducting
from benches.station_bench import CHAINED, Bench, import_order, order_csv, slot
from drivers.threads import Worker, apart
from firmware_catalog.catalog import FolderCatalog
from firmware_catalog.image import FirmwareImage
from firmware_catalog.release import Release
from station.domain.outcome import Outcome

SECONDS = 60


class SlowFor(FolderCatalog):
    """Gives the images of one model only once they are let go."""

    asked: threading.Event
    let_go: threading.Event

    def load(self, release: Release) -> FirmwareImage:
        if release.model == CHAINED:
            self.asked.set()
            self.let_go.wait(SECONDS)
        return super().load(release)


async def test_a_hub_does_not_wait_for_the_image_of_another_model(bench: Bench, tmp_path: Path) -> None:
    catalogue = SlowFor.open(bench.catalogue)
    catalogue.asked, catalogue.let_go = threading.Event(), threading.Event()
    waiting, other = bench.hub("chained-old"), bench.hub()

    # All that work has in common, were it done there.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    async with conducting(bench, tmp_path, catalogue=lambda: catalogue) as at:
        await import_order(at.journal, order_csv(waiting, other), "jig1")
        await bench.seat(waiting, slot(1))
        await bench.seat(other, slot(2))
        first = asyncio.ensure_future(at.result(slot(1)))
        await apart("the test", catalogue.asked.wait)
        try:
            assert (await at.result(slot(2))).outcome is Outcome.PASSED
            assert not first.done()
        finally:
            catalogue.let_go.set()
            result = await first
        assert result.outcome is Outcome.PASSED


async def test_work_that_hangs_keeps_no_other_work_waiting_and_no_stop() -> None:
    let_go = threading.Event()
    hanging = [apart("hangs", let_go.wait) for _ in range(50)]
    worker = Worker("one by one")
    held = asyncio.ensure_future(worker.run(let_go.wait, SECONDS))
    assert await apart("quick", lambda: "done") == "done"
    hanging[0].cancel()
    await asyncio.wait({hanging[0]})
    with pytest.raises(ZeroDivisionError):
        await apart("fails", lambda: 1 // 0)
    assert not held.done()
    let_go.set()
    await held
    await asyncio.wait(hanging)
    await worker.close(SECONDS)
