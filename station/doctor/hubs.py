"""Who answers in each slot, and whether opening or closing its port resets the hub."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from drivers.errors import DriverError, PlaceUnavailable
from drivers.hub import DeviceIdentity, DriverPlugin, ExplainsSilence, HubDriver
from drivers.places import PlaceFinder, PlaceSight
from drivers.threads import apart
from drivers.topology import same_place
from station.doctor.ports import holders, look_at_latency
from station.doctor.report import Finding, fault, ok, warning

RETURN_SECONDS: Final = 30.0
"""How long a hub that was reset by its port may take to answer again."""
ASK_SECONDS: Final = 10.0
"""How long a silent place is asked directly, to learn what kind of silence it is."""


async def check_hub(
    where: str,
    place: str,
    plugin: DriverPlugin,
    settings: BaseModel,
    finder: PlaceFinder | None,
    *,
    seated: bool | None,
    seconds: float,
) -> list[Finding]:
    """Open the slot's port, ask the hub in it who it is, close and open the port again, and ask again.

    `seated` is the jig board's word on the slot, None without one. A hub gets `seconds` to answer first.
    """
    try:
        driver = await plugin.open(place, settings)
    except PlaceUnavailable as error:
        return [fault(where, await _with_holder(str(error), place))]
    try:
        findings = list(await apart("doctor", lambda: list(look_at_latency(where, place))))
        try:
            async with asyncio.timeout(seconds):
                hub = await driver.wait_for_hub()
        except TimeoutError:
            sight = await _seen(place, finder, settings)
            sits_there = seated or (sight is not None and sight.is_occupant)
            may_sit_there = sits_there or seated is None
            return [
                *findings,
                await _silent(where, driver, sits_there=sits_there, may_sit_there=may_sit_there),
            ]
        except DriverError as error:
            return [*findings, warning(where, str(error))]
        sight = await _seen(place, finder, settings)
    finally:
        await driver.close()
    at = "" if sight is None else f", on {sight.what}"
    found = ok(where, f"hub {hub.device_id}, model {hub.model}, firmware {hub.firmware}{at}")
    return [*findings, found, await _again(where, place, plugin, settings, finder, hub)]


async def _seen(place: str, finder: PlaceFinder | None, settings: BaseModel) -> PlaceSight | None:
    if finder is None:
        return None
    try:
        return await finder.see_place(place, settings)
    except PlaceUnavailable:
        return None  # it was just open, so this is no news


async def _silent(where: str, driver: HubDriver, *, sits_there: bool, may_sit_there: bool) -> Finding:
    """Say what kind of silence it is."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            await driver.identify()
    except TimeoutError:
        why = "nothing answers"
    except DriverError as error:
        why = str(error)
    else:
        return ok(where, "the port works, and a hub answers by now")
    if may_sit_there and isinstance(driver, ExplainsSilence):
        try:
            explained = await driver.explain_silence()
        except DriverError as error:
            return warning(where, str(error))
        if explained is not None:
            return fault(where, explained.happened, explained.advice)
    if sits_there:
        advice = (
            "seat it the right way up, and check the slot's contacts, its cable and the jig's driver_settings"
        )
        return warning(where, f"something sits here and does not answer ({why})", advice)
    return ok(where, "the place can be used, no hub sits here; seat one and check again to see it answer")


async def _again(
    where: str,
    place: str,
    plugin: DriverPlugin,
    settings: BaseModel,
    finder: PlaceFinder | None,
    before: DeviceIdentity,
) -> Finding:
    """Open the port again and compare the hub's boot counter."""
    try:
        driver = await plugin.open(place, settings)
    except PlaceUnavailable as error:
        return fault(where, f"its port opened once and not again: {error}")
    try:
        async with asyncio.timeout(RETURN_SECONDS):
            after = await driver.wait_for_hub()
    except TimeoutError:
        advice = "seat it again and check its power"
        return fault(where, "the hub fell silent when its port was closed and opened", advice)
    except DriverError as error:
        return warning(where, str(error))
    finally:
        await driver.close()
    if after.device_id != before.device_id:
        return warning(
            where, f"hub {before.device_id} was exchanged for {after.device_id} meanwhile", "check again"
        )
    if after.boots == before.boots:
        return ok(where, "opening and closing its port leaves the hub alone")
    return warning(
        where,
        f"opening or closing its port resets the hub (boot {before.boots}, then {after.boots})",
        "check what it is connected by" if finder is None else finder.advice_on_reset(settings),
    )


async def _with_holder(line: str, place: str) -> str:
    names = await apart("doctor", lambda: holders(Path(same_place(place))))
    return f"{line}; it is held by {' and '.join(names)}" if names else line
