"""Held cartons and recalled releases stand among the station's faults until somebody has seen to them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from benches.desk_client import THE_ACCOUNT, no_check
from benches.journal_samples import closed, gpf, opened, order_events, rotated
from benches.tasks import beside
from firmware_catalog.catalog import FolderCatalog
from firmware_catalog.errors import CatalogError
from firmware_catalog.identity import DeviceModel, FirmwareVersion
from firmware_catalog.release import ImageReference, Release, ReleaseStatus
from station.bench.view import BenchView
from station.catalogue.withdrawn import withdrawn
from station.daemon.packing_watch import PackingWatch
from station.desk.desk import Desk
from station.desk.packing_desk import PackingDesk
from station.desk.packing_requests import (
    CloseCarton,
    HoldCarton,
    OpenCarton,
    OpenPallet,
    PackHub,
    PutOnPallet,
    Recall,
    ReleaseCarton,
)
from station.desk.pallet_desk import PalletDesk
from station.packing.settings import PackingSettings
from station.records.facts.orders import OrderClosed
from station.records.facts.packed import cartons_here
from station.records.facts.packing import RecallEnded
from station.records.journal import Journal
from station.records.reader import JournalReader

CARTON, PALLET = "CTN00000013", "PLT00000013"
RELEASE = Release(
    model=DeviceModel("11A2", "0A0B0C0D"),
    version=FirmwareVersion(0x0002012F),
    status=ReleaseStatus.PRODUCTION,
    permitted_from="any_lower",
    image=ImageReference(file="hub.bin", sha256="ab" * 32, size=1),
)
NEWER = RELEASE.model_copy(update={"version": FirmwareVersion(0x00020130)})
WITHDRAWN = RELEASE.model_copy(update={"status": ReleaseStatus.WITHDRAWN})


class Unusable(FolderCatalog):
    def releases(self, _: DeviceModel) -> tuple[Release, ...]:
        raise CatalogError("its time is over")


async def test_held_cartons_and_withdrawn_releases_are_faults_of_the_station(tmp_path: Path) -> None:
    catalogue = FolderCatalog(tmp_path, (RELEASE, NEWER))
    view, look = BenchView(iter(())), asyncio.Event()
    sizes = PackingSettings()

    async def until(*words: str) -> None:
        """Wait until as many faults are told, each with its words."""

        def is_so() -> bool:
            faults = [str(fault.details.detail) for fault in view.faults()]
            return len(faults) == len(words) and all(map(str.__contains__, sorted(faults), words))

        await view.changes.until(is_so)

    opening = Journal.open(tmp_path / "journal", site="leeds", station="bench-1", segment_rows=30)
    async with opening as journal, beside(PackingWatch(journal, view, lambda: catalogue, look).run()):
        await journal.append(*order_events())
        cartons = PackingDesk(journal, lambda: sizes)
        pallets = PalletDesk(journal, lambda: sizes, lambda boxes: withdrawn(catalogue, boxes))
        desk = Desk(journal, no_check, {**cartons.handlers(), **pallets.handlers()}, {})
        (attempt,) = await journal.append(opened(0))
        await journal.append(closed(attempt.sequence, 0))
        for command in (
            OpenCarton(order="WO-1"),
            PackHub(id=gpf(0), carton=CARTON),
            CloseCarton(carton=CARTON, reason="short"),
            OpenPallet(order="WO-1"),
            PutOnPallet(pallet=PALLET, carton=CARTON),
            HoldCarton(carton=CARTON, reason="recount"),
        ):
            await desk.answer(command, THE_ACCOUNT)
        await until(f"carton {CARTON} is held (recount): a supervisor counts it")
        assert (await desk.answer(Recall(), THE_ACCOUNT)).lines == (), "a newer release recalls no older one"

        catalogue = FolderCatalog(tmp_path, (WITHDRAWN, NEWER))
        look.set()
        recall = "release 0002012F of 11A2/0A0B0C0D, which hubs were packed with, stands in the catalogue no more: recall"
        await until(f"carton {CARTON} is held", f"{recall} carton {CARTON} on pallet {PALLET}")
        recalled = await desk.answer(Recall(), THE_ACCOUNT)
        assert (recalled.cartons, recalled.pallets) == ((CARTON,), (PALLET,))

        # Its order is over, and has stayed behind in a finished segment.
        await desk.answer(ReleaseCarton(carton=CARTON, reason="counted"), THE_ACCOUNT)
        await journal.append(OrderClosed(order="WO-1", reason="done"))
        await rotated(journal, tmp_path / "journal")
        assert not await journal.ask(cartons_here)
        assert (await desk.answer(Recall(), THE_ACCOUNT)).cartons == (CARTON,)
        catalogue = Unusable(tmp_path, ())
        look.set()
        await until(recall)
        ended = asyncio.Event()
        journal.subscribe(lambda recorded: ended.set() if isinstance(recorded.event, RecallEnded) else None)
        catalogue = FolderCatalog(tmp_path, (RELEASE,))
        look.set()
        await until()
        await ended.wait()
        with JournalReader(tmp_path / "journal") as reader:
            told = [json.loads(each.payload)["data"] for each in reader.messages("packing", 1, 1 << 40)]
        recalls = [(each["what"], each["recalled"]) for each in told if each["recalled"]]
        assert recalls == [("cartons_recalled", [CARTON]), ("recall_ended", [CARTON])]
