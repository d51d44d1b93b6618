"""How a station stops: no more hubs are begun with, then what is left leaves, then the lamps go out. Each has its time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

import structlog

from station.bench.controller import Controller
from station.bench.jig import Jig
from station.daemon.service import ServiceManager
from station.daemon.to_broker import ToBroker

_LAST_RESULTS_SECONDS: Final = 5.0
"""How long a stop waits for the broker to take what is left; results that stay leave after the next start."""

_LAST_LAMPS_SECONDS: Final = 2.0
"""How long a stop waits for the boards to darken their lamps; a board's watchdog does it later."""

_log = structlog.stdlib.get_logger()


async def work_until_stopped(
    controller: Controller,
    stop: asyncio.Event,
    drain_seconds: Callable[[], float],
    service: ServiceManager,
) -> None:
    """Have the slots work until `stop` is set, and then until each is at a safe point or the drain time is over."""
    async with asyncio.TaskGroup() as group:
        working = group.create_task(controller.run(), name="slots")
        stopping = group.create_task(stop.wait(), name="stop")
        service.ready()
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        service.stopping()
        controller.finish()
        done, _ = await asyncio.wait((working,), timeout=drain_seconds())
        if not done:
            _log.warning("stopped before every attempt had ended; they go on after the next start")
            working.cancel()
        await asyncio.wait((working,))
        stopping.cancel()


async def see_off(to_broker: ToBroker, jigs: Iterable[Jig]) -> None:
    """Let the last results leave, and put out the lamps."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LAST_RESULTS_SECONDS):
            await to_broker.all_sent()
    with suppress(TimeoutError):
        async with asyncio.timeout(_LAST_LAMPS_SECONDS):
            await asyncio.gather(*(jig.put_out_lamps() for jig in jigs))
