from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.flash import (
    FlashArea,
    FlashError,
    FlashTiming,
    Interruption,
    NorFlash,
    Operation,
    PowerLost,
)

NO_TIME = FlashTiming(0.0, 0.0)
PAGE = 64


def chip(pages: int = 4) -> NorFlash:
    return NorFlash(pages, PAGE, NO_TIME)


writes = st.tuples(st.just("write"), st.integers(0, 4 * PAGE - 1), st.binary(min_size=1, max_size=PAGE))
erasures = st.tuples(st.just("erase"), st.integers(0, 3), st.integers(1, 4))


@given(st.lists(writes | erasures, max_size=30))
def test_writing_only_clears_bits_and_erasing_sets_whole_pages(steps: list[tuple]) -> None:
    async def run() -> None:
        flash, model = chip(), bytearray(b"\xff" * 4 * PAGE)
        for kind, where, what in steps:
            if kind == "erase":
                pages = min(what, 4 - where)
                await flash.erase(where * PAGE, pages * PAGE)
                model[where * PAGE : (where + pages) * PAGE] = b"\xff" * pages * PAGE
                continue
            data = what[: 4 * PAGE - where]
            fits = all(old & new == new for old, new in zip(model[where:], data, strict=False))
            try:
                await flash.write(where, data)
            except FlashError:
                assert not fits
            else:
                assert fits
            for index, byte in enumerate(data):
                model[where + index] &= byte
        assert flash.read(0, 4 * PAGE) == model

    asyncio.run(run())


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_power_loss_in_a_write_leaves_the_first_part_written_and_one_byte_between(share: float) -> None:
    flash = NorFlash(1, PAGE, NO_TIME, on_operation=lambda _: Interruption(share, seconds=2.5))
    with pytest.raises(PowerLost) as lost:
        asyncio.run(flash.write(0, bytes(PAGE)))
    assert lost.value.seconds == 2.5
    done = int(PAGE * share)
    cells = flash.read(0, PAGE)
    assert cells[:done] == bytes(done)
    assert cells[done + 1 :] == b"\xff" * (PAGE - done - 1)


async def test_power_loss_in_an_erasure_leaves_a_page_that_is_neither_old_nor_erased() -> None:
    cut: list[Interruption] = []
    flash = NorFlash(3, PAGE, NO_TIME, on_operation=lambda _: cut.pop() if cut else None)
    await flash.write(0, bytes(3 * PAGE))
    cut.append(Interruption(0.5))
    with pytest.raises(PowerLost):
        await flash.erase(0, 3 * PAGE)
    assert flash.read(0, PAGE) == b"\xff" * PAGE
    assert flash.read(2 * PAGE, PAGE) == bytes(PAGE)
    between = flash.read(PAGE + PAGE // 2, PAGE // 2)
    assert set(between) - {0x00, 0xFF}
    await flash.erase(PAGE, PAGE)
    await flash.write(PAGE, b"whole again")


@pytest.mark.parametrize("operation", list(Operation))
async def test_cancelling_is_power_loss_where_time_had_got_to(operation: Operation) -> None:
    seconds = 5.0
    flash = NorFlash(100, PAGE, FlashTiming(erase_page=seconds / 100, write_byte=seconds / (100 * PAGE)))
    flash.program(0, b"\x55" * flash.size)
    whole = b"\xff" if operation is Operation.ERASE else b"\x11"
    work = (
        flash.erase(0, flash.size) if operation is Operation.ERASE else flash.write(0, b"\x11" * flash.size)
    )
    loop = asyncio.get_running_loop()
    begun = loop.time()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.25):
            await work
    took = loop.time() - begun
    cells = flash.read(0, flash.size)
    done = len(cells) - len(cells.lstrip(whole))
    assert 0.25 - 0.06 < done / flash.size * seconds < took + 0.001
    assert cells[-PAGE:] == b"\x55" * PAGE
    assert not flash.erasing


def test_operations_take_their_time() -> None:
    """And no more of it: beside them, as a control, somebody sleeps as often and as long."""

    async def timed(work: Awaitable[None]) -> float:
        started = time.monotonic()
        await work
        return time.monotonic() - started

    async def operate() -> None:
        flash = NorFlash(10, PAGE, FlashTiming(erase_page=0.005, write_byte=0.05 / (10 * PAGE)))
        await flash.erase(0, flash.size)
        for page in range(10):
            await flash.write(page * PAGE, bytes(PAGE))

    async def sleep() -> None:
        for _ in range(20):
            await asyncio.sleep(0.005)

    async def run() -> tuple[float, float]:
        return await asyncio.gather(timed(operate()), timed(sleep()))

    took, control = asyncio.run(run())
    assert took > 0.094
    assert took < 2 * control


def test_a_failing_operation_changes_nothing() -> None:
    def fail(_: Operation) -> None:
        raise FlashError("worn out")

    flash = NorFlash(1, PAGE, NO_TIME, on_operation=fail)
    with pytest.raises(FlashError):
        asyncio.run(flash.write(0, b"x"))
    assert flash.read(0, PAGE) == b"\xff" * PAGE
    assert not flash.erasing


def test_nothing_reaches_past_the_chip_or_an_area() -> None:
    flash = chip()
    area = FlashArea(flash, PAGE, PAGE)
    for reader in (flash, area):
        with pytest.raises(FlashError):
            reader.read(reader.size, 1)
        with pytest.raises(FlashError):
            asyncio.run(reader.write(reader.size - 1, b"ab"))
        with pytest.raises(FlashError):
            asyncio.run(reader.erase(-PAGE, PAGE))
    with pytest.raises(FlashError, match="page edges"):
        asyncio.run(flash.erase(1, PAGE))


def test_a_copy_is_another_chip() -> None:
    flash = chip()
    asyncio.run(flash.write(0, b"kept"))
    twin = flash.copy()
    asyncio.run(twin.erase(0, twin.size))
    assert flash.read(0, 4) == b"kept"
    assert twin.read(0, 4) == b"\xff" * 4
