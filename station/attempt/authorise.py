"""May this hub be flashed, and with what? Order, catalogue and the hub's identity meet here. Pure but for look-ups.

A hub that is not authorised is never unlocked and never written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from drivers.hub import DeviceIdentity, HubState
from firmware_catalog.catalog import Catalog
from firmware_catalog.devices import BridgeId, DeviceIds, HubIds
from firmware_catalog.errors import CatalogError, ReleaseUnknown
from firmware_catalog.identity import DeviceModel
from firmware_catalog.image import FirmwareImage
from firmware_catalog.release import (
    HardwareVersionMismatch,
    NewerThanRelease,
    NoPermittedPath,
    NoRelease,
    PlanError,
)
from station.attempt.plan import AttemptPlan, PlannedStep
from station.domain.device_status import DeviceStatus
from station.domain.label import ScannedLabel, told_apart
from station.domain.order_line import ListedDevice, OrderLine
from station.domain.outcome import Code
from station.records.facts.attempts import StepTarget
from station.records.facts.history import PastAttempt
from station.records.facts.orders import ListedElsewhere


@dataclass(frozen=True, slots=True)
class Question:
    """All that a work order is held against, gathered by the caller."""

    hub: DeviceIdentity
    label: ScannedLabel | None
    order: str | None
    """The open order that the hub is worked on for."""
    line: ListedDevice | None
    """The order's line that lists the hub by its CHF or its GPF."""
    passed_in_order: PastAttempt | None
    seen_elsewhere: str | None
    """The other slot in which the same hub id answers now."""
    listed_elsewhere: ListedElsewhere | None = None
    """Another order that lists the hub, where this one does not."""


@dataclass(frozen=True, slots=True)
class Authorised:
    """The hub may be unlocked and written, in these steps."""

    plan: AttemptPlan


@dataclass(frozen=True, slots=True)
class AlreadyCurrent:
    """The hub runs, confirmed, with nothing pending, what the release would give it."""

    image: FirmwareImage


@dataclass(frozen=True, slots=True)
class Rejected:
    """The hub must not be touched."""

    code: Code
    detail: str | None = None
    unsettled: str | None = None
    """What speaks against a hub that is to go home all the same, to follow "the hub"."""


Decision = Authorised | AlreadyCurrent | Rejected

_PLAN_CODES: Final[tuple[tuple[type[PlanError], Code], ...]] = (
    (NoRelease, Code.NO_RELEASE),
    (NoPermittedPath, Code.NO_PERMITTED_PATH),
    (NewerThanRelease, Code.NEWER_THAN_RELEASE),
    (HardwareVersionMismatch, Code.HARDWARE_VERSION_MISMATCH),
)


def authorise(question: Question, state: HubState, catalogue: Catalog) -> Decision:
    """Decide about one hub. Reads image files through `catalogue`: call it off the event loop."""
    return against_order(question) or _against_catalogue(question.hub, state, catalogue)


def _disagreement(label: ScannedLabel | None, hub: DeviceIdentity) -> Rejected | None:
    """Reject a hub whose scanned label is another's."""
    if label is None or label.names(hub):
        return None
    match hub.ids:
        case HubIds(chf=chf, gpf=gpf):
            role = label.role or "GPF"  # which is what a label carries
            scanned, own = told_apart(label.device_id, chf if role == "CHF" else gpf)
            return Rejected(Code.LABEL_DISAGREES, f"label {scanned} is not this hub's, {role} {own}")
        case BridgeId(device_id=device) if device == label.device_id:
            return Rejected(Code.LABEL_DISAGREES, f"the label says {label.role}, this is bridge {device}")
        case BridgeId(device_id=device):
            scanned, own = told_apart(label.device_id, device)
            return Rejected(Code.LABEL_DISAGREES, f"label {scanned} is not this bridge's, {own}")


def _other_ids(listed: DeviceIds, seen: DeviceIds) -> Rejected:
    """Reject what the order lists by one of its ids, and otherwise as something else."""
    match listed, seen:
        case HubIds(), HubIds():
            return _other_pair(listed, seen)
        case BridgeId(bridge_type=wanted), BridgeId(bridge_type=said):
            return Rejected(Code.MODEL_DISAGREES, f"it is a bridge of type {said}, the order says {wanted}")
        case _:
            lists = f"it is {seen}, the order lists its id as one of the {listed.kind.plural}"
            return Rejected(Code.IDS_DISAGREE, lists)


def _other_pair(listed: HubIds, hub: HubIds) -> Rejected:
    """Reject a hub of whose two ids the order lists one, with another than the hub's."""
    if listed.chf == hub.chf:
        by_order, own = told_apart(listed.gpf, hub.gpf)
        told = f"its GPF is {own}, with its CHF the order lists {by_order}"
    elif listed.gpf == hub.gpf:
        by_order, own = told_apart(listed.chf, hub.chf)
        told = f"its CHF is {own}, with its GPF the order lists {by_order}"
    else:
        told = "the order lists the hub's CHF as GPF, or its GPF as CHF"
    return Rejected(Code.IDS_DISAGREE, told)


def against_order(question: Question) -> Rejected | None:
    """Reject a hub that its work order does not say yes to."""
    hub, line = question.hub, question.line
    if question.seen_elsewhere is not None:
        return Rejected(Code.IN_TWO_SLOTS, f"{hub.ids} also answers in {question.seen_elsewhere}")
    if (rejected := _disagreement(question.label, hub)) is not None:
        return rejected
    if question.order is None:
        return Rejected(Code.NO_OPEN_ORDER)
    if line is None:
        if question.listed_elsewhere is not None:
            return Rejected(
                Code.NOT_ON_ORDER, f"{hub.ids} is of {question.listed_elsewhere}, not of {question.order}"
            )
        return Rejected(Code.NOT_ON_ORDER, f"{hub.ids} is not on order {question.order}")
    if line.ids != hub.ids:
        return _other_ids(line.ids, hub.ids)
    listed = DeviceModel(line.manufacturer, line.model)
    if listed != hub.model:
        return Rejected(
            Code.MODEL_DISAGREES,
            f"the {hub.ids.kind.family} is of model {hub.model}, the order says {listed}",
        )
    # MP155, assumption A-008. A bridge is in no inventory.
    if isinstance(line, OrderLine) and line.inventory_status != DeviceStatus.PENDING:
        return Rejected(Code.NOT_PENDING, f"the inventory holds the hub as {line.inventory_status}")
    if (before := question.passed_in_order) is not None:
        return Rejected(
            Code.ALREADY_PASSED, f"{before.closed or before.opened:%Y-%m-%d %H:%M} UTC, {before.place}"
        )
    return None


def _against_catalogue(hub: DeviceIdentity, state: HubState, catalogue: Catalog) -> Decision:
    running = state.running
    try:
        plan = catalogue.plan(hub.model, hub.firmware, hub.hardware_version, hub.ids.kind, hub.ids.every)
        images = [catalogue.load(step.release) for step in plan.steps]
        target = images[-1] if images else catalogue.load(plan.target)
    except PlanError as error:
        code = next(code for kind, code in _PLAN_CODES if isinstance(error, kind))
        return Rejected(code, str(error))
    except CatalogError as error:
        return Rejected(Code.CATALOGUE_UNAVAILABLE, error.happened)
    if images:
        return Authorised(AttemptPlan(tuple(PlannedStep(image) for image in images)))
    if running is None or running.image_hash != target.image_hash:
        return Rejected(
            Code.IMAGE_HASH_MISMATCH,
            f"it reports version {hub.firmware} but runs another image than the release",
        )
    if running.confirmed and state.pending is None:
        return AlreadyCurrent(target)
    # The right image runs but would not last: the attempt begins where such a hub stands.
    return Authorised(AttemptPlan((PlannedStep(target),)))


def plan_again(catalogue: Catalog, model: DeviceModel, steps: tuple[StepTarget, ...]) -> AttemptPlan:
    """Find the images of a journalled plan by their SHA-256. Raises CatalogError when one is gone."""
    releases = {release.payload_sha256: release for release in catalogue.releases(model)}
    planned = []
    for step in steps:
        if step.image_sha256 not in releases:
            raise ReleaseUnknown(f"version {step.version} of {model}, begun earlier, is no longer listed")
        planned.append(PlannedStep(catalogue.load(releases[step.image_sha256])))
    return AttemptPlan(tuple(planned))
