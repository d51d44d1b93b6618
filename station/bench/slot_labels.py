"""The label of the hub in one slot: each hub has its own or none."""

from __future__ import annotations

import asyncio

import structlog

from drivers.hub import HubIdentity
from station.bench.display import UNKNOWN_HUB, SlotDisplay
from station.bench.labels import LabelMeaning, LabelRecord, ScanRefused
from station.bench.shown import RESULT_PHASES
from station.bench.visit import SeatedHub
from station.domain.actor import Actor
from station.domain.label import ScannedLabel
from station.domain.phase import SlotPhase
from station.domain.slot_name import SlotName
from station.records.facts.bench import LabelScanned

_log = structlog.stdlib.get_logger()


class SlotLabels:
    """Takes labels that are scanned for one slot."""

    def __init__(self, place: SlotName, display: SlotDisplay) -> None:
        self._place = place
        self._display = display
        self.seated: SeatedHub | None = None
        """The hub that a label is held against; while None, a label waits for the next one."""
        self.deciding = asyncio.Lock()
        """Held while a label is recorded, and while it is decided which label a hub has."""

    async def take(self, label: ScannedLabel, actor: Actor, record: LabelRecord) -> LabelMeaning:
        """Take a label scanned for this slot, once `record` has made it durable, and say what it means here.

        It waits for the next hub, or is held against the one that sits here. One that disagrees is another hub's: before
        the unlock the hub that sits here is rejected, later it is put aside, with the label in its result. Raises
        ScanRefused, or what `record` does, and has taken nothing then.
        """
        place = self._place
        async with self.deciding:
            seated = self.seated
            if seated is None and self._display.phase in RESULT_PHASES:
                raise ScanRefused(
                    f"{place}: its result is written; take the hub out, scan it, and seat it again"
                )
            if seated is not None and self._display.phase is SlotPhase.RESEAT:
                raise ScanRefused(
                    f"{place}: it is not known who sits here; take the hub out, scan it, and seat it again"
                )
            meaning = self._meaning(label, None if seated is None else seated.hub)
            await record(
                LabelScanned(
                    place=place,
                    scanned_id=label.device_id,
                    scanned_role=label.role,
                    hub=None if seated is None else seated.hub.chf,
                    actor=actor,
                ),
                meaning,
            )
            if seated is not None:
                if seated is not self.seated:
                    raise ScanRefused(
                        f"{place}: hub {seated.hub.chf} has left meanwhile; scan the label again"
                    )
                seated.scan(label)
        if meaning.disagrees:
            _log.warning("label disagrees", jig=place.jig, slot=place.slot, label=str(label.device_id))
        return meaning

    def _meaning(self, label: ScannedLabel, seated: HubIdentity | None) -> LabelMeaning:
        place, device = self._place, label.device_id
        if seated is None:
            if self._display.phase in UNKNOWN_HUB:
                return LabelMeaning(f"{place}: label {device} is for the hub that sits here")
            return LabelMeaning(f"{place}: seat hub {device} here")
        if label.names(seated):
            return LabelMeaning(f"{place}: the label is hub {seated.chf}'s")
        return LabelMeaning(
            f"{place}: label {device} is not hub {seated.chf}'s; check which hub sits here", disagrees=True
        )
