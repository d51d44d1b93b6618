"""Hubs that passed before: shown again, or put with those that passed, only as what they were left as."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benches.conducting import ordered_hub
from benches.station_bench import DRIVER_SETTINGS, UNLISTED, Bench, slot
from drivers.hub import HubDriver, HubIdentity
from drivers.smp.plugin import PLUGIN
from drivers.smp.settings import SmpSettings
from firmware_catalog.mcuboot import load_image
from station.domain.outcome import Code, Outcome
from station.records.facts.unlocks import UnlockUsed
from station.unlocking.key_file import KeyFileAuthority

PLACE = slot(1)


@pytest.mark.parametrize("change", ["unlocked", "marked", "downgraded"])
async def test_a_hub_that_was_changed_since_it_passed_is_not_put_with_those_that_passed(
    bench: Bench, tmp_path: Path, change: str
) -> None:
    async with ordered_hub(bench, tmp_path) as (at, hub):
        assert (await at.result(PLACE)).outcome is Outcome.PASSED
        await bench.unseat(PLACE)
        await bench.seat(hub, PLACE)
        await change_elsewhere(bench, change)
        again = await at.result(PLACE)
        assert (again.outcome, again.code) == (Outcome.REJECTED, Code.ALREADY_PASSED)
        assert again.unsettled
        assert again.message.endswith(f", but {again.unsettled}; put it aside for the supervisor")
        assert len(at.of(UnlockUsed)) == 1, "it is looked at, and nothing else"


async def change_elsewhere(bench: Bench, change: str) -> None:
    """Do to the hub what others might, without the station's knowledge."""
    old = load_image(bench.firmware("old").read_bytes())
    driver = await PLUGIN.open(bench.port(PLACE), SmpSettings(**DRIVER_SETTINGS))
    try:
        device = (await driver.wait_for_hub()).device
        await driver.unlock(device, KeyFileAuthority.load(bench.unlock_key))
        match change:
            case "marked":
                await driver.device.mark_for_test(old, await driver.state(), driver.identify)
            case "downgraded":
                await driver.activate(device, old)
                await driver.confirm(device, old)
    finally:
        await driver.close()


@pytest.mark.parametrize("said", [{"model": UNLISTED}, {"hardware_version": "9.9"}])
async def test_a_clone_is_not_shown_as_the_hub_that_passed(
    bench: Bench, tmp_path: Path, said: dict[str, Any]
) -> None:
    async with ordered_hub(bench, tmp_path) as (at, _):
        assert (await at.result(PLACE)).outcome is Outcome.PASSED
        clone = await at.result(PLACE, wrap=lambda driver: Disguised(driver, said))
        assert clone.outcome is Outcome.REJECTED
        assert clone.code is Code.MODEL_DISAGREES or clone.unsettled is not None


class Disguised:
    """A driver whose hub says something else of itself."""

    def __init__(self, driver: HubDriver, said: dict[str, Any]) -> None:
        self._driver = driver
        self._said = said

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    async def identify(self) -> HubIdentity:
        return replace(await self._driver.identify(), **self._said)

    async def wait_for_hub(self) -> HubIdentity:
        return replace(await self._driver.wait_for_hub(), **self._said)
