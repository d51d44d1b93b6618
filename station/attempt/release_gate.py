"""Stops a release that fails hub after hub: then it is the firmware that is suspect, not the hubs. Pure."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from firmware_catalog.catalog import Catalog, is_released
from firmware_catalog.errors import CatalogError
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from station.attempt.failure import Blame, blame
from station.attempt.outcome import Code, Outcome
from station.attempt.plan import AttemptPlan
from station.records.events import AttemptClosed, Event, ReleaseResumed, ReleaseStopped


@dataclass(frozen=True, slots=True)
class ReleaseKey:
    """One version of one model."""

    model: DeviceModel
    version: FirmwareVersion


@dataclass(frozen=True, slots=True)
class GateThresholds:
    """When a release is taken to be at fault."""

    last_hubs: int
    """Of how many hubs, the newest, the failures are counted."""
    failed_hubs: int
    """So many of them failing stop the release."""


class ReleaseGate:
    """Counts how hubs fare with each release, and says which must not be given any more."""

    def __init__(
        self,
        stopped: Iterable[ReleaseKey],
        catalog: Callable[[], Catalog],
        thresholds: Callable[[], GateThresholds],
    ) -> None:
        self._stopped = set(stopped)
        self._catalog = catalog
        self._thresholds = thresholds
        self._hubs: defaultdict[ReleaseKey, OrderedDict[Eui64, bool]] = defaultdict(OrderedDict)

    def hear(self, event: Event) -> ReleaseStopped | None:
        """Take a recorded fact in. Returns what to record when it is one failure too many."""
        match event:
            case AttemptClosed():
                return self._count(event)
            case ReleaseStopped():
                self._stopped.add(_key(event.manufacturer, event.model, event.version))
            case ReleaseResumed():
                key = _key(event.manufacturer, event.model, event.version)
                self._stopped.discard(key)
                self._hubs.pop(key, None)
            case _:
                pass
        return None

    def veto(self, model: DeviceModel, plan: AttemptPlan) -> Code | None:
        """Say why a plan must not be begun, or not be activated any more; None if it may."""
        if any(ReleaseKey(model, step.image.version) in self._stopped for step in plan.steps):
            return Code.RELEASE_STOPPED
        catalog = self._catalog()
        try:
            released = all(is_released(catalog, model, step.image) for step in plan.steps)
        except CatalogError:
            return Code.CATALOGUE_UNAVAILABLE
        return None if released else Code.RELEASE_WITHDRAWN

    def _count(self, closed: AttemptClosed) -> ReleaseStopped | None:
        if closed.chf is None or closed.firmware_target is None or not (closed.manufacturer and closed.model):
            return None
        failed = (
            closed.outcome is Outcome.FAILED and closed.code is not None and blame(closed.code) is Blame.HUB
        )
        if not failed and closed.outcome is not Outcome.PASSED:
            return None
        key = _key(closed.manufacturer, closed.model, closed.firmware_target)
        hubs, thresholds = self._hubs[key], self._thresholds()
        hubs[closed.chf] = failed
        hubs.move_to_end(closed.chf)
        while len(hubs) > thresholds.last_hubs:
            hubs.popitem(last=False)
        failures = sum(hubs.values())
        if failures < thresholds.failed_hubs or key in self._stopped:
            return None
        return ReleaseStopped(
            manufacturer=closed.manufacturer,
            model=closed.model,
            version=closed.firmware_target,
            why=f"{failures} of the last {len(hubs)} hubs failed with it",
        )


def _key(manufacturer: str, model: str, version: FirmwareVersion) -> ReleaseKey:
    return ReleaseKey(DeviceModel(manufacturer, model), version)
