"""The state machine: seat, move, disturb, kill at a point, kill at any moment; in the end the books agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import hypothesis
from crash_lives import End
from crash_points import POINTS, Point
from crash_world import DoomedStation, World
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from benches.station_bench import slot
from station.records.verify import verify

PLACES = tuple(slot(1, jig) for jig in (1, 2, 3, 4))
"""The second and the fourth are on USB, the third and the fourth have boards."""

FAULTS: Mapping[str, Mapping[str, Any]] = {
    "power_loss": {"on": "upload", "at_byte": 9_000, "seconds": 0.1},
    "power_loss_in_erase": {"seconds": 0.1},
    "power_loss_in_write": {"at": 7, "seconds": 0.1},
    "power_loss_in_swap": {"at": 5, "seconds": 0.1},
    "reboot": {"on": "confirm"},
    "crash": {"on": "boot"},
    "drop_reply": {"on": "mark"},
    "unplug_port": {"on": "upload", "seconds": 0.2},
}
"""What may befall a hub as well, once: each passes by itself."""

_NUMBERS = {"frame": 150, "ask": 60, "transfer": 60, "commit": 40, "tidy": 40, "show": 30}
_POINTS = st.sampled_from(POINTS).flatmap(
    lambda name: st.builds(
        Point, st.just(name), st.sampled_from(("before", "after")), st.integers(1, _NUMBERS.get(name, 3))
    )
)


class CrashAnywhere(RuleBasedStateMachine):
    """One station and up to three hubs, from the first seat to the last result."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._station: DoomedStation | None = None

    @property
    def station(self) -> DoomedStation:
        assert self._station is not None
        return self._station

    @initialize(firmware=st.lists(st.sampled_from(("old", "chained-old")), min_size=1, max_size=3))
    def seat_hubs(self, firmware: list[str]) -> None:
        hubs = [self._world.bench.hub(one) for one in firmware]
        self._station = DoomedStation(self._world, PLACES, hubs)

    @rule(point=_POINTS)
    def die(self, point: Point) -> None:
        self.station.live(point)

    @rule(seconds=st.floats(0.02, 0.7))
    def kill(self, seconds: float) -> None:
        self.station.live(kill_after=seconds)

    @rule(which=st.integers(0, 2), where=st.sampled_from(PLACES))
    def move(self, which: int, where: Any) -> None:
        hub = self.station.hubs[which % len(self.station.hubs)]
        place = self.station.place_of(hub)
        if place is not None:
            self.station.unseat(place)
        if where not in self.station.seats:
            self.station.seat(where, hub)

    @precondition(lambda self: self.station.seats)
    @rule(which=st.integers(0, 2), name=st.sampled_from(tuple(FAULTS)))
    def disturb(self, which: int, name: str) -> None:
        place = list(self.station.seats)[which % len(self.station.seats)]
        self.station.fault(place, name, **FAULTS[name])

    @invariant()
    def every_hub_boots_and_the_journal_is_whole(self) -> None:
        if self._station is not None:
            for chf, held in self.station.held().items():
                assert held["bootable"], f"hub {chf} would not boot"
            verify(self.station.journal)

    def teardown(self) -> None:
        if self._station is None:
            return
        try:
            self._world.bench.do_now("disarm")
            for hub in self.station.hubs:
                if self.station.place_of(hub) is None:
                    free = next(place for place in PLACES if place not in self.station.seats)
                    self.station.seat(free, hub)
            assert self.station.live() is End.FINISHED
            findings = self.station.compare()
            assert not any(findings.numbers.values()), findings
            assert findings.open == 0
        finally:
            self.station.close()


def crash_anywhere(world: World, *, seed: int, examples: int, steps: int) -> None:
    """Run the machine. Raises what it finds, with the way there."""

    @hypothesis.seed(seed)
    def machine() -> CrashAnywhere:
        return CrashAnywhere(world)

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            # Every step costs a life: the way to a fault is reported as found, not made shorter.
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
