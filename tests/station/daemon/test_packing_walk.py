"""Hubs from a real daemon's slots into a carton, through its sockets: one that still sits in its slot is in nobody's hand."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from benches import brokers
from benches.cpl_samples import listing
from benches.sentences import line_of
from benches.station_bench import Bench, at_broker, slot, version
from benches.station_daemon import events_of, working
from firmware_catalog.cpl import ProductStatus
from station.control.client import ask_daemon
from station.desk.order_requests import CloseOrder
from station.desk.packing_requests import OpenCarton, PackHub, PutHub
from station.desk.refusals import Conflict
from station.domain.destination import Destination
from station.domain.phase import SlotPhase
from station.records.facts.packing import HubPlaced


async def test_a_hub_is_packed_once_it_is_out_of_its_slot_and_holds_its_carton_when_it_is_seated_again(
    bench: Bench, shared_broker: brokers.Mosquitto, tmp_path: Path
) -> None:
    settings = bench.station_settings(tmp_path, {"jig1": [1]}, **at_broker(shared_broker.port))
    # As patient as with a real hub: what was just taken out is asked no longer than whoever holds its label waits.
    jigs = [
        jig.model_copy(update={"driver_settings": {**jig.driver_settings, "answer_seconds": 2.0}})
        for jig in settings.jigs
    ]
    products = tmp_path / "products.json"
    listing(bench).save(products)
    catalogue = settings.catalogue.model_copy(update={"products": products})
    settings = settings.model_copy(update={"jigs": jigs, "catalogue": catalogue})
    at = settings.state_directory
    async with working(bench, settings) as (station, hub):
        await station.until(slot(1), SlotPhase.EMPTY)
        carton = (await ask_daemon(at, OpenCarton(order="WO-1"))).carton
        pack = PackHub(id=hub.gpf, role="GPF", carton=carton)
        await bench.seat(hub, slot(1))
        await station.until(slot(1), SlotPhase.PASSED)
        with pytest.raises(Conflict, match="still sits in jig1 slot 1: take it out first, then scan it here"):
            await ask_daemon(at, pack, key=uuid4())
        close = CloseOrder(order="WO-1", reason="done")
        with pytest.raises(Conflict, match="1 passed, 0 open, 0 never seen; 1 in no place"):
            await ask_daemon(at, close)
        await bench.unseat(slot(1))
        packed = await ask_daemon(at, pack, key=uuid4())
        assert (packed.hub, packed.line) == (
            hub.chf,
            f"hub {hub.chf} packed into carton {carton}, 1 of 16",
        )
        # A hub that is seated again is in no carton, whoever scanned it there.
        await bench.seat(hub, slot(1))
        await station.until(slot(1), SlotPhase.PASSED_BEFORE)
        held = f"carton {carton} is held (hub {hub.chf} of it was seen in jig1 slot 1)"
        view = station.daemon.view
        await view.changes.until(lambda: held in str(view.faults()))
        # Nor does one go home whose release was withdrawn since it passed, wherever it is by then.
        listing(bench, ProductStatus.WITHDRAWN).save(products)
        await station.daemon.reload(settings)
        await station.until(slot(1), SlotPhase.PUT_ASIDE)
        assert line_of(station.view(slot(1))) == (
            f"jig1 slot 1: it passed, and {version('new')}, which it runs, was withdrawn; take it out and put it into quarantine"
        )
        await bench.unseat(slot(1))
        await station.until(slot(1), SlotPhase.EMPTY)
        carton = (await ask_daemon(at, OpenCarton(order="WO-1"))).carton
        gone = f"does not go into a carton: {version('new')}, which it runs, was withdrawn since it passed: it goes to quarantine"
        with pytest.raises(Conflict, match=gone):
            await ask_daemon(at, PackHub(id=hub.gpf, role="GPF", carton=carton), key=uuid4())
        await ask_daemon(at, PutHub(id=hub.gpf, role="GPF", place=Destination.QUARANTINE), key=uuid4())
    (_, put) = events_of(settings, HubPlaced)
    assert put.reason == f"{version('new')}, which it runs, was withdrawn since it passed"
