"""What the demonstration is made of: a broker for the occasion, and hands that do as the operator's lines say."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiomqtt
import pytest

import station.demo.broker
from benches.station_bench import DRIVER_SETTINGS, Bench, StockHub, slot
from benches.tasks import beside
from drivers.smp.plugin import PLUGIN
from drivers.smp.settings import SmpSettings
from firmware_catalog.identity import Eui64
from station.demo.broker import BrokerAddress, NoBroker, parse_address, start_broker
from station.demo.rigs import RigControl, RigError, Rigs
from station.demo.scene import DemoHub, _sets
from station.demo.table import PackingTable, Said
from station.demo.tally import Tally
from station.demo.technician import Technician
from station.domain.outcome import Outcome
from station.domain.phase import SlotPhase
from station.domain.slot_view import SlotView
from station.domain.to_do import ToDo
from station.unlocking.key_file import KeyFileAuthority

PLACE = slot(1)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("mqtt://broker:1884", "broker", 1884),
        ("broker:1884", "broker", 1884),
        ("broker", "broker", 1883),
        ("mqtt://[::1]:1", "::1", 1),
    ],
)
def test_addresses_of_brokers(url: str, host: str, port: int) -> None:
    assert parse_address(url) == BrokerAddress(host, port, url)


@pytest.mark.parametrize(
    "url", ["http://broker", "mqtt://", "mqtt://me@broker", "mqtt://broker/topic", "mqtt://broker:0x1", ":1"]
)
def test_what_is_no_address_of_a_broker(url: str) -> None:
    with pytest.raises(NoBroker):
        parse_address(url)


async def test_a_mosquitto_of_ones_own_lasts_as_long_as_it_is_needed(tmp_path: Path) -> None:
    async with start_broker(tmp_path) as broker:
        assert broker.name == "mosquitto"
        async with aiomqtt.Client(broker.host, broker.port) as client:
            await client.publish("topic", b"word", qos=1)
    with pytest.raises(aiomqtt.MqttError):
        async with aiomqtt.Client(broker.host, broker.port):
            pass


async def test_a_mosquitto_that_does_not_start_is_no_broker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(station.demo.broker.shutil, "which", lambda *_, **__: "/bin/false")

    with pytest.raises(NoBroker, match=r"mosquitto did not start on port \d+; see .*mosquitto\.conf"):
        async with start_broker(tmp_path):
            pass


@asynccontextmanager
async def rigs_of(bench: Bench):
    reader, writer = await asyncio.open_unix_connection(bench.folder / "control.sock", limit=1 << 24)
    try:
        yield Rigs({"jig1": RigControl(1, reader, writer)})
    finally:
        writer.close()
        await writer.wait_closed()


async def in_slot(bench: Bench) -> str | None:
    slots = (await bench.do("slots"))["slots"]
    return next(one["chf"] for one in slots if (one["jig"], one["slot"]) == (1, PLACE.slot))


def view(phase: SlotPhase, hub: StockHub | None = None) -> SlotView:
    outcome = Outcome.PASSED if phase is SlotPhase.PASSED else None
    return SlotView(place=PLACE, phase=phase, chf=hub and hub.chf, gpf=hub and hub.gpf, outcome=outcome)


class OneJig:
    """A technician at jig1, a desk that writes down what it is asked, and a table that hears who is brought."""

    def __init__(self, rigs: Rigs, hubs: Iterable[Mapping[str, Any]]) -> None:
        self.asked: list[Any] = []
        self.brought: asyncio.Queue[tuple[Eui64, Said | None]] = asyncio.Queue()
        ids = [tuple(Eui64.parse(hub[role]) for role in ("chf", "gpf")) for hub in hubs]
        known = {chf: DemoHub(chf, gpf, 1, None) for chf, gpf in ids}
        self.technician = Technician(
            "jig1", rigs, cast("PackingTable", self), self.ask, known, slots=2, mix_ups=0.0, seed=7
        )

    async def ask(self, request: Any, /, **_: object) -> Any:
        self.asked.append(request)

    async def bring(self, hub: Eui64, said: Said | None, *, is_done: bool = True) -> None:
        assert is_done
        self.brought.put_nowait((hub, said))


async def test_a_missing_hub_is_found_and_brought_to_the_supervisor_when_it_stays_silent(
    bench: Bench,
) -> None:
    hub = bench.hub()
    done = asyncio.Event()

    class Watched(Rigs):
        """Tells when the work on a view is done."""

        async def reseat(self, place: Any, found: Any) -> None:
            await super().reseat(place, found)
            done.set()

    async with rigs_of(bench) as plain:
        at = OneJig(Watched(plain._controls), await plain.hubs())
        async with beside(at.technician.work()):
            at.technician.see(view(SlotPhase.WORKING, hub))  # asks for nothing
            for _ in range(4):  # it had been pulled, then it sat there
                done.clear()
                at.technician.see(view(SlotPhase.FIND_HUB, hub))
                await done.wait()
                assert await in_slot(bench) == str(hub.chf)
            at.technician.see(view(SlotPhase.FIND_HUB, hub))
            at.technician.see(view(SlotPhase.EMPTY))
            assert await at.brought.get() == (hub.chf, None)
            assert await in_slot(bench) is None
        with pytest.raises(RigError, match="simulated jig1: jig 1 slot 1 is empty"):
            await plain.swap(PLACE)
        assert str(hub.chf) in {each["chf"] for each in await plain.hubs()}


async def test_a_hub_is_taken_out_once_however_often_its_result_is_shown_and_brought_once_its_slot_has_noticed(
    bench: Bench,
) -> None:
    """A slot that had to look again who sits there shows the same result once more."""
    hub, following = bench.hub(), bench.hub()
    swapped = asyncio.Event()

    class Watched(Rigs):
        async def swap(self, place: Any) -> Any:
            both = await super().swap(place)
            swapped.set()
            return both

    async with rigs_of(bench) as rigs:
        at = OneJig(Watched(rigs._controls), await rigs.hubs())
        await bench.seat(hub, PLACE)
        for phase in (SlotPhase.PASSED, SlotPhase.LOOKING, SlotPhase.PASSED):
            at.technician.see(view(phase, hub))
        async with beside(at.technician.work()) as (working,):
            await swapped.wait()
            assert at.brought.empty()
            await bench.seat(following, PLACE)
            for phase in (SlotPhase.EMPTY, SlotPhase.WORKING, SlotPhase.PASSED):
                at.technician.see(view(phase, following if phase is not SlotPhase.EMPTY else None))
            at.technician.see(view(SlotPhase.EMPTY))
            assert [await at.brought.get() for _ in range(2)] == [
                (chf, Said(ToDo.PASS, None, None)) for chf in (hub.chf, following.chf)
            ]
            assert not working.done()


async def test_a_result_is_contradicted_by_a_hub_that_holds_something_else(bench: Bench) -> None:
    hub = bench.hub("new")
    inside = await bench.look(hub)
    truth = {
        "outcome": "passed",
        "firmware_read_back": inside["firmware"],
        "image_sha256": inside["image_file_sha256"],
    }
    tally = Tally()
    assert tally.contradicted_by([inside]) == []
    tally.results[str(hub.chf)] = truth
    assert tally.contradicted_by([inside]) == []
    assert tally.count() == {"passed": 1, "already_current": 0, "rejected": 0, "failed": 0}
    for lie in ({"image_sha256": "00" * 32}, {"firmware_read_back": "00000000"}):
        tally.results[str(hub.chf)] = {**truth, **lie}
        assert tally.contradicted_by([inside]) == [str(hub.chf)]
    tally.results[str(hub.chf)] = truth
    for fault in ({"left_unlocked": True}, {"slots": []}):
        assert tally.contradicted_by([{**inside, **fault}]) == [str(hub.chf)]
    tally.results[str(hub.chf)] = {"outcome": "failed"}
    assert tally.contradicted_by([inside]) == []


async def test_a_hub_that_was_taken_out_unlocked_contradicts_its_result(bench: Bench) -> None:
    hub = bench.hub("new")
    await bench.seat(hub, PLACE)
    driver = await PLUGIN.open(bench.port(PLACE), SmpSettings(**DRIVER_SETTINGS))
    try:
        seen = await driver.wait_for_hub()
        await driver.unlock(seen.device, KeyFileAuthority.load(bench.unlock_key))
    finally:
        await driver.close()
    await bench.unseat(PLACE)
    inside = await bench.look(hub)
    assert inside["locked"], "without power it is"
    tally = Tally()
    tally.results[str(hub.chf)] = {
        "outcome": "passed",
        "firmware_read_back": inside["firmware"],
        "image_sha256": inside["image_file_sha256"],
    }
    assert tally.contradicted_by([inside]) == [str(hub.chf)]


@pytest.mark.parametrize("bridges", range(2, 40))
def test_bridges_are_dealt_in_whole_sets_of_every_type(bridges: int) -> None:
    dealt = list(_sets(bridges))
    assert len(dealt) == bridges
    assert set(Counter(premises for _, premises in dealt).values()) <= {2, 3}
    assert len({kind for kind, _ in dealt}) == min(bridges, 4)
