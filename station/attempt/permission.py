"""May this attempt go on? Asked when it is taken up, and again right before each act that changes its hub.

Planning, signatures and disks take their time: meanwhile orders are closed or changed for another, releases are
withdrawn or stopped, and labels are scanned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from drivers.hub import DeviceIdentity
from firmware_catalog.catalog import Catalog
from firmware_catalog.errors import CatalogError
from firmware_catalog.identity import DeviceModel
from station.attempt.authorise import Question, Rejected, against_order
from station.attempt.closing import OpenedAttempt
from station.domain.label import ScannedLabel
from station.domain.order_line import ListedDevice
from station.domain.outcome import Code
from station.records.facts.attempts import StepTarget
from station.records.facts.history import PastAttempt
from station.records.facts.orders import jig_order, listed_device, order_is_open
from station.records.journal import Journal
from station.records.reader import JournalReader

Veto = Callable[[DeviceModel, Sequence[StepTarget]], Code | None]
"""Says why hubs of a model must not be given these images; None if they may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPermission:
    """The `Permission` of an attempt that is made for a work order."""

    journal: Journal
    catalogue: Callable[[], Catalog]
    veto: Veto
    hindrance: Callable[[], str | None]
    """Why no hub may be begun with, in one line."""
    opened: OpenedAttempt
    steps: Sequence[StepTarget]
    label: Callable[[], ScannedLabel | None]
    taken_up: bool
    """The attempt was begun in an earlier visit, for an order that this slot's jig need not work on."""

    async def refusal(self, hub: DeviceIdentity, *, untouched: bool) -> Rejected | None:
        """Say why the hub may not be changed now. An untouched one is held against its label, and may have to wait."""
        order, line, passed = await self.journal.at_once(partial(self._standing, hub))
        question = Question(
            hub=hub,
            label=self.label() if untouched else None,
            order=order,
            line=line,
            passed_in_order=passed,
            seen_elsewhere=None,
        )
        # No await from here on: what is said now is true now.
        rejected = against_order(question)
        if rejected is not None and rejected.code is Code.NO_OPEN_ORDER:
            rejected = Rejected(
                Code.NO_OPEN_ORDER, f"order {self.opened.order} was closed or changed for another"
            )
        if rejected is not None and rejected.code is Code.NOT_ON_ORDER and self.opened.line is not None:
            rejected = Rejected(
                Code.NOT_ON_ORDER, f"{hub.ids} was withdrawn from order {order} since it was begun with"
            )
        return rejected or self._against_catalogue(hub) or (self._hindered() if untouched else None)

    def may_stay(self, image_hash: bytes | None) -> bool:
        """Whether the hub may be left running this image: one that it was not given, or one still released."""
        if image_hash is None or self.opened.hub is None:
            return True
        model = DeviceModel(self.opened.hub.manufacturer, self.opened.hub.model)
        given = [step for step in self.steps if step.image_hash == image_hash.hex()]
        return not given or self.veto(model, given) is None

    def _standing(
        self, hub: DeviceIdentity, records: JournalReader
    ) -> tuple[str | None, ListedDevice | None, PastAttempt | None]:
        """Return the order if it is worked on, its line that lists the hub, and the hub's pass for it."""
        order, line = self.opened.order, self.opened.line
        if order is not None and not self._is_worked_on(records, order):
            order = None
        if order is not None and line is not None:
            line = records.ask(listed_device, order, self.opened.hub, self.opened.label)
        return order, line, records.hub_history(*hub.ids.every).passed_in(self.opened.order)

    def _is_worked_on(self, records: JournalReader, order: str) -> bool:
        if not self.taken_up:
            return records.ask(jig_order, self.opened.place.jig) == order
        return records.ask(order_is_open, order)

    def _against_catalogue(self, hub: DeviceIdentity) -> Rejected | None:
        target = self.steps[-1].version
        if hub.firmware > target:
            return Rejected(Code.NEWER_THAN_RELEASE, f"it runs {hub.firmware}, it was to be given {target}")
        ahead = [step for step in self.steps if step.version >= hub.firmware]
        vetoed = self.veto(hub.model, ahead)
        if vetoed is not None:
            return Rejected(vetoed)
        images = {step.image_sha256 for step in ahead}
        try:
            releases = self.catalogue().releases(hub.model)
        except CatalogError as error:
            return Rejected(Code.CATALOGUE_UNAVAILABLE, error.happened)
        for release in releases:
            if release.payload_sha256 not in images:
                continue
            if release.made_for is not hub.ids.kind:
                return Rejected(Code.NO_RELEASE, f"release {release} is for {release.made_for.plural}")
            if not release.permits_hardware(hub.hardware_version):
                return Rejected(
                    Code.HARDWARE_VERSION_MISMATCH,
                    f"release {release} is for hardware {release.hardware}, not {hub.hardware_version}",
                )
            if not release.only_for.permit_device(hub.ids.every):
                return Rejected(Code.NO_RELEASE, f"release {release} is for {release.only_for}")
        return None

    def _hindered(self) -> Rejected | None:
        why = self.hindrance()
        return None if why is None else Rejected(Code.SLOT_FAULT, why)
