"""A hub that is seated and waits in its boot loader: booted once, whoever it is, and else sent to rework."""

from __future__ import annotations

import pytest

from benches.station_bench import StockHub
from benches.station_daemon import running_daemon
from benches.two_slots import FIRST, Hands, scan
from station.domain.outcome import Code, Disposition
from station.domain.phase import SlotPhase


async def boots_of(linked: Hands, hub: StockHub) -> int:
    return (await linked.bench.look(hub))["boots"]


async def test_a_seated_hub_that_leaves_its_boot_loader_passes(linked: Hands) -> None:
    await linked.bench.fault(FIRST, "serial_recovery", on="boot")
    async with linked.working() as (station, hub):
        await linked.bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.PASSED)


@pytest.mark.parametrize("its_order", [True, False])
async def test_a_seated_hub_that_stays_in_its_boot_loader_is_booted_once_if_its_label_may(
    linked: Hands, its_order: bool
) -> None:
    hub, other = linked.bench.hub(), linked.bench.hub()

    await linked.order(hub)
    await linked.bench.fault(FIRST, "serial_recovery", on="boot", times=99)
    before = await boots_of(linked, hub)
    async with running_daemon(linked.settings) as station:
        await station.until(FIRST, SlotPhase.EMPTY)
        await scan(station, (hub if its_order else other).gpf, 1)
        await linked.bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.FAILED)
    (result,) = linked.results()
    assert (result.code, result.disposition) == (Code.SERIAL_RECOVERY, Disposition.REWORK)
    assert await boots_of(linked, hub) - before == (2 if its_order else 1)
