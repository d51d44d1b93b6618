"""Stops a release that fails hub after hub: then it is the firmware that is suspect, not the hubs. Pure."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from firmware_catalog.catalog import Catalog, standing
from firmware_catalog.errors import CatalogError
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from station.attempt.failure import Blame, blame
from station.domain.outcome import Code, Outcome
from station.records.facts.attempts import AttemptClosed, StepTarget
from station.records.facts.events import Event
from station.records.facts.releases import ReleaseResult, ReleaseResumed, ReleaseStopped


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
        catalogue: Callable[[], Catalog],
        thresholds: Callable[[], GateThresholds],
    ) -> None:
        self._stopped = set(stopped)
        self._catalogue = catalogue
        self._thresholds = thresholds
        self._hubs: defaultdict[ReleaseKey, OrderedDict[Eui64, bool]] = defaultdict(OrderedDict)

    def recall(self, results: Iterable[ReleaseResult]) -> tuple[ReleaseStopped, ...]:
        """Go on counting where the station left off, results oldest first; return what it would have recorded last."""
        for result in results:
            failed = _is_failure(result.outcome, result.code)
            if failed or result.outcome is Outcome.PASSED:
                self._note(ReleaseKey(result.model, result.version), result.hub, failed=failed)
        return tuple(stop for key in tuple(self._hubs) if (stop := self._judge(key)) is not None)

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

    def veto(self, model: DeviceModel, steps: Iterable[StepTarget]) -> Code | None:
        """Say why hubs of the model must not be given these images, or not any more; None if they may."""
        steps = tuple(steps)
        if any(ReleaseKey(model, step.version) in self._stopped for step in steps):
            return Code.RELEASE_STOPPED
        try:
            released = {release.payload_sha256 for release in standing(self._catalogue(), model)}
        except CatalogError:
            return Code.CATALOGUE_UNAVAILABLE
        return None if all(step.image_sha256 in released for step in steps) else Code.RELEASE_WITHDRAWN

    def _count(self, closed: AttemptClosed) -> ReleaseStopped | None:
        if closed.chf is None or closed.firmware_target is None or not (closed.manufacturer and closed.model):
            return None
        failed = _is_failure(closed.outcome, closed.code)
        if not failed and closed.outcome is not Outcome.PASSED:
            return None
        key = _key(closed.manufacturer, closed.model, closed.firmware_target)
        self._note(key, closed.chf, failed=failed)
        return self._judge(key)

    def _note(self, key: ReleaseKey, chf: Eui64, *, failed: bool) -> None:
        hubs = self._hubs[key]
        hubs[chf] = failed
        hubs.move_to_end(chf)
        while len(hubs) > self._thresholds().last_hubs:
            hubs.popitem(last=False)

    def _judge(self, key: ReleaseKey) -> ReleaseStopped | None:
        hubs = self._hubs[key]
        failures = sum(hubs.values())
        if failures < self._thresholds().failed_hubs or key in self._stopped:
            return None
        return ReleaseStopped(
            manufacturer=key.model.manufacturer,
            model=key.model.model,
            version=key.version,
            why=f"{failures} of the last {len(hubs)} hubs failed with it",
        )


def _is_failure(outcome: Outcome, code: Code | None) -> bool:
    return (
        outcome is Outcome.FAILED
        and code is not None
        and (blame(code) is Blame.HUB or code is Code.IMAGE_REFUSED)
    )


def _key(manufacturer: str, model: str, version: FirmwareVersion) -> ReleaseKey:
    return ReleaseKey(DeviceModel(manufacturer, model), version)
