"""Hubs that bring their own port: it is there only while the jig gives them power."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benches import brokers
from benches.sentences import line_of
from benches.station_bench import Bench, running_bench
from benches.station_daemon import running_daemon
from benches.two_slots import FIRST, SECOND, Hands
from station.bench.labels import Badge
from station.control.client import ask_daemon
from station.desk.people_requests import SignOff, SignOn
from station.domain.outcome import Outcome
from station.domain.phase import SlotPhase
from station.people.operators import Operators
from station.settings import StationSettings


@pytest.fixture(scope="module")
def own_ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("own-ports")
    with running_bench(folder, stock={"old": 4}, boards=True, port_needs_power=True) as bench:
        yield bench


async def test_hub_after_hub_gets_power_first_and_loses_it_when_it_is_taken_out(
    own_ports: Bench, shared_broker: brokers.Mosquitto, tmp_path: Path
) -> None:
    hands = Hands(own_ports, shared_broker, tmp_path, boards=True)
    hubs = own_ports.hub(), own_ports.hub()
    hands.settings = StationSettings.model_validate(
        {**hands.settings.model_dump(), "people": {"sign_on": "required", "badge_prefix": "BADGE-"}}
    )
    operators, badge = Operators(hands.settings.operators_file), Badge("4711AB42")

    await hands.order(*hubs)
    operators.set_badge(operators.pseudonym_of("Example Person"), badge.code)
    async with running_daemon(hands.settings) as station:
        absent = await station.until(FIRST, SlotPhase.NO_PORT)
        told = "its port is not there; plug the adapter in, or correct the port in the configuration"
        assert line_of(absent) == f"{FIRST}: {told}"
        assert len(line_of(absent)) <= 120
        await ask_daemon(hands.settings.state_directory, SignOn(jig="jig1"), proof=badge)
        for hub in hubs:
            await own_ports.seat(hub, FIRST)
            await station.until_that(
                lambda hub=hub: (
                    station.view(FIRST).phase is SlotPhase.PASSED and station.view(FIRST).chf == hub.chf
                )
            )
            await own_ports.unseat(FIRST)
            await station.until(FIRST, SlotPhase.EMPTY)
            await hands.power(on=False)
        assert station.view(SECOND).phase is SlotPhase.NO_PORT, "nothing is known of its port yet"
        await ask_daemon(hands.settings.state_directory, SignOff(jig="jig1"))
        await station.until(FIRST, SlotPhase.UNATTENDED)
        await ask_daemon(hands.settings.state_directory, SignOn(jig="jig1"), proof=badge)
        await station.until(FIRST, SlotPhase.EMPTY)
    assert [result.outcome for result in hands.results()] == [Outcome.PASSED] * 2


async def test_a_powered_hub_without_a_port_is_told_and_loses_its_power_when_it_is_taken_out(
    own_ports: Bench, shared_broker: brokers.Mosquitto, tmp_path: Path
) -> None:
    hands = Hands(own_ports, shared_broker, tmp_path, boards=True)

    async with running_daemon(hands.settings) as station:
        await station.until(FIRST, SlotPhase.NO_PORT)
        await own_ports.do("board", jig=1, act="lie", slots=[1])
        await hands.power(on=True)
        await own_ports.do("board", jig=1, act="lie", slots=[])
        await hands.power(on=False)
        assert station.view(FIRST).phase is SlotPhase.NO_PORT
