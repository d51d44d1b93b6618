"""The label of the hub in one slot: each hub has its own or none."""

from __future__ import annotations

import asyncio

import structlog

from drivers.hub import DeviceIdentity
from station.bench.display import UNKNOWN_HUB, SlotDisplay
from station.bench.labels import LabelMeaning, LabelRecord, ScanRefused
from station.bench.shown import RESULT_PHASES
from station.bench.visit import SeatedHub
from station.domain.actor import Actor
from station.domain.label import ScannedLabel
from station.domain.phase import SlotPhase
from station.domain.scan_said import ScanCode, ScanSaid
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
                raise ScanRefused(self._said(ScanCode.RESULT_WRITTEN))
            if seated is not None and self._display.phase is SlotPhase.RESEAT:
                raise ScanRefused(self._said(ScanCode.WHO_UNKNOWN))
            meaning = self._meaning(label, None if seated is None else seated.hub)
            await record(
                LabelScanned(
                    place=place,
                    scanned_id=label.device_id,
                    scanned_role=label.role,
                    hub=None if seated is None else seated.hub.device_id,
                    actor=actor,
                ),
                meaning,
            )
            if seated is not None:
                if seated is not self.seated:
                    raise ScanRefused(self._said(ScanCode.HUB_LEFT, hub=seated.hub.device_id))
                seated.scan(label)
        if meaning.disagrees:
            _log.warning("label disagrees", jig=place.jig, slot=place.slot, label=str(label.device_id))
        return meaning

    def _said(self, code: ScanCode, **facts: object) -> ScanSaid:
        return ScanSaid.at(self._place, code, family=self._display.now.family, **facts)

    def _meaning(self, label: ScannedLabel, seated: DeviceIdentity | None) -> LabelMeaning:
        facts: dict[str, object] = {"label": label.device_id}
        if seated is not None:
            facts["hub"] = seated.device_id
            code = ScanCode.ITS_OWN if label.names(seated) else ScanCode.DISAGREES
        else:
            code = ScanCode.FOR_WHO_SITS if self._display.phase in UNKNOWN_HUB else ScanCode.SEAT_HERE
        return LabelMeaning(self._said(code, **facts))
