"""Simulated rigs with a golden hub in every slot, for a benchmark without a bench."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

from drivers.threads import apart
from station.demo.rigs import start_rigs
from station.demo.scene import Scene, make_scene
from station.domain.actor import Actor
from station.records.facts.golden import GoldenHubEnrolled
from station.records.journal import Journal
from station.settings import StationSettings

_SITE, _STATION = "demo", "bench"
_UNLOCKS: Final = {"signatures": 10_000, "seconds": 60}
"""Their key is made for the occasion: nobody has to count its use."""


@asynccontextmanager
async def golden_rigs(folder: Path, *, jigs: int, slots: int, seed: int) -> AsyncIterator[StationSettings]:
    """Run so many rigs while the block lasts, and yield the settings of a station that has them. Raises RigError."""
    hubs = jigs * slots
    scene = await apart("rigs", lambda: make_scene(folder, jigs=jigs, slots=slots, hubs=hubs, seed=seed))
    async with start_rigs(scene, seed=seed, faults="none") as rigs:
        settings = await apart(
            "settings",
            partial(
                StationSettings.model_validate,
                {
                    "site": _SITE,
                    "station": _STATION,
                    "mode": "bench",
                    "state_directory": str(scene.state),
                    "catalogue": {"place": str(scene.catalogue), "root": str(scene.catalogue_root)},
                    "unlock": {"key_file": str(scene.unlock_key), "rate": _UNLOCKS},
                    "jigs": [*rigs.jigs],
                },
            ),
        )
        await _enrol(settings, scene)
        yield settings


async def _enrol(settings: StationSettings, scene: Scene) -> None:
    who = Actor(pseudonym=scene.people.supervisor, role="supervisor", where="terminal")
    async with Journal.open(settings.journal_folder, site=settings.site, station=settings.station) as journal:
        await journal.append(*(GoldenHubEnrolled(chf=hub.chf, gpf=hub.gpf, actor=who) for hub in scene.hubs))
