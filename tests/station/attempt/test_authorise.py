"""Who may be flashed: each reason to leave a hub alone, and the three ways on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

import pytest

from benches.attempt_samples import CHF, FIRST, GPF, MODEL, OLD, OTHER, SECOND, hub, slot, state
from drivers.hub import BridgeIdentity
from firmware_catalog.bounds import Bounds, HardwareRange
from firmware_catalog.devices import BridgeType, DeviceKind
from firmware_catalog.errors import ImagePinMismatch
from firmware_catalog.identity import Eui64, FirmwareVersion
from firmware_catalog.release import (
    ImageReference,
    Release,
    ReleaseStatus,
    VersionRange,
    latest_production,
    plan_upgrade,
)
from station.attempt.authorise import AlreadyCurrent, Authorised, Question, Rejected, authorise
from station.domain.label import ScannedLabel
from station.domain.order_line import BridgeLine, OrderLine
from station.domain.outcome import Code
from station.domain.slot_name import SlotName
from station.records.facts.history import PastAttempt

STRANGER = Eui64.parse("88-73-84-FF-FF-FF-FF-FF")
LINE = OrderLine(
    chf=CHF,
    gpf=GPF,
    manufacturer=MODEL.manufacturer,
    model=MODEL.model,
    region="Central",
    variant="DBCH",
    recorded_firmware=OLD,
    inventory_status="Pending",
    owner="PARTY",
)
PASSED = PastAttempt(
    **dict.fromkeys(PastAttempt.__slots__)
    | {"place": SlotName(jig="jig2", slot=3), "closed": datetime(2026, 11, 5, 14, 2, tzinfo=UTC)}
)
FRESH = Question(
    hub=hub(),
    label=None,
    order="WO-1",
    line=LINE,
    passed_in_order=None,
    seen_elsewhere=None,
)

HOLDS_OLD = state(slot(0, OTHER, active=True, confirmed=True))


def release(image, permitted_from):
    return Release(
        model=MODEL,
        version=image.version,
        status=ReleaseStatus.PRODUCTION,
        image=ImageReference(file=f"{image.version}.bin", sha256=image.file_sha256.hex(), size=len(image)),
        permitted_from=permitted_from,
    )


class MemoryCatalog:
    """A catalogue whose images are at hand."""

    def __init__(self, *images, broken=False, permitted_from=MappingProxyType({})):
        self._images = {release(image, permitted_from.get(image, "any_lower")): image for image in images}
        self._broken = broken

    def make_for(self, kind):
        """Have all that it lists be for another kind of device."""
        self._images = {one.model_copy(update={"made_for": kind}): held for one, held in self._images.items()}

    def models(self):
        return (MODEL,)

    def releases(self, model):
        return tuple(one for one in self._images if one.model == model)

    def latest(self, model):
        return latest_production(self._images, model, DeviceKind.HUB)

    def plan(self, model, from_version, hardware_version, kind, devices=()):
        return plan_upgrade(self._images, model, from_version, hardware_version, kind, devices)

    def load(self, release):
        if self._broken:
            raise ImagePinMismatch("image x.bin is not the one that was added; restore it")
        return self._images[release]


CATALOG = MemoryCatalog(FIRST, SECOND)


def test_a_listed_pending_hub_with_an_older_version_is_authorised_to_the_latest_release():
    decision = authorise(FRESH, HOLDS_OLD, CATALOG)
    assert isinstance(decision, Authorised)
    assert decision.plan.last.image is SECOND


@pytest.mark.parametrize("role", ["CHF", None])
def test_its_own_label_is_accepted(role):
    assert isinstance(
        authorise(replace(FRESH, label=ScannedLabel(CHF, role)), HOLDS_OLD, CATALOG), Authorised
    )


REJECTIONS = {
    "label of another hub": ({"label": ScannedLabel(STRANGER)}, Code.LABEL_DISAGREES),
    "label names the other device of the hub": ({"label": ScannedLabel(CHF, "GPF")}, Code.LABEL_DISAGREES),
    "jig without an order": ({"order": None, "line": None}, Code.NO_OPEN_ORDER),
    "not on the order": ({"line": None}, Code.NOT_ON_ORDER),
    "listed with another GPF": ({"line": LINE.model_copy(update={"gpf": STRANGER})}, Code.IDS_DISAGREE),
    "listed under another model": ({"line": LINE.model_copy(update={"model": "X"})}, Code.MODEL_DISAGREES),
    "already installed": (
        {"line": LINE.model_copy(update={"inventory_status": "Commissioned"})},
        Code.NOT_PENDING,
    ),
    "status in other letters": (
        {"line": LINE.model_copy(update={"inventory_status": "pending"})},
        Code.NOT_PENDING,
    ),
    "passed before": ({"passed_in_order": PASSED}, Code.ALREADY_PASSED),
    "answers in two slots": ({"seen_elsewhere": "jig1 slot 2"}, Code.IN_TWO_SLOTS),
    "newer than every release": ({"hub": hub(FirmwareVersion.parse("00040000"))}, Code.NEWER_THAN_RELEASE),
}


@pytest.mark.parametrize(("changes", "code"), REJECTIONS.values(), ids=REJECTIONS)
def test_a_hub_out_of_scope_is_rejected_with_its_reason(changes, code):
    decision = authorise(replace(FRESH, **changes), HOLDS_OLD, CATALOG)
    assert isinstance(decision, Rejected)
    assert decision.code is code


class BoundCatalog(MemoryCatalog):
    """Its images' files narrow them."""

    def __init__(self, image, only_for):
        super().__init__(image)
        self._images = {
            one.model_copy(update={"only_for": only_for}): held for one, held in self._images.items()
        }


@pytest.mark.parametrize("device", [CHF, GPF])
def test_a_release_for_one_device_is_for_the_hub_that_is_it(device):
    decision = authorise(FRESH, HOLDS_OLD, BoundCatalog(SECOND, Bounds(device=device)))
    assert isinstance(decision, Authorised)
    assert authorise(FRESH, HOLDS_OLD, BoundCatalog(SECOND, Bounds(device=STRANGER))).code is Code.NO_RELEASE


def test_a_release_for_a_range_of_hardware_is_for_no_other_and_for_none_that_cannot_be_compared():
    bound = BoundCatalog(SECOND, Bounds(hardware=HardwareRange(0x0100, 0x01FF)))
    assert isinstance(
        authorise(replace(FRESH, hub=replace(hub(), hardware_version="1.2")), HOLDS_OLD, bound), Authorised
    )
    for other in ("2.0", "1", "rev B"):
        decision = authorise(replace(FRESH, hub=replace(hub(), hardware_version=other)), HOLDS_OLD, bound)
        assert decision.code is Code.HARDWARE_VERSION_MISMATCH


def test_a_model_without_a_release_is_rejected():
    assert authorise(FRESH, HOLDS_OLD, MemoryCatalog()).code is Code.NO_RELEASE


def test_a_catalogue_that_cannot_give_the_image_rejects_and_says_why():
    decision = authorise(FRESH, HOLDS_OLD, MemoryCatalog(FIRST, broken=True))
    assert decision.code is Code.CATALOGUE_UNAVAILABLE
    assert "x.bin" in decision.detail


CURRENT = replace(FRESH, hub=hub(SECOND.version))
HOLDS_SECOND = state(slot(0, SECOND, active=True, confirmed=True), slot(1, FIRST))


def test_a_hub_that_runs_the_release_confirmed_is_already_current():
    assert authorise(CURRENT, HOLDS_SECOND, CATALOG) == AlreadyCurrent(SECOND)


def test_a_hub_that_runs_the_release_with_another_image_pending_is_not_current():
    pending = state(slot(0, SECOND, active=True, confirmed=True), slot(1, FIRST, pending=True))
    assert isinstance(authorise(CURRENT, pending, CATALOG), Authorised)


def test_the_right_image_that_would_not_outlast_the_next_boot_is_worked_on():
    on_test = state(slot(0, SECOND, active=True), slot(1, FIRST, confirmed=True))
    decision = authorise(CURRENT, on_test, CATALOG)
    assert isinstance(decision, Authorised)
    assert decision.plan.last.image is SECOND


def test_the_right_version_with_another_image_is_not_called_current():
    assert authorise(CURRENT, HOLDS_OLD, CATALOG).code is Code.IMAGE_HASH_MISMATCH


def test_a_plan_of_several_steps_keeps_their_order():
    only_from_first = (VersionRange(lowest=FIRST.version, highest=FIRST.version),)
    decision = authorise(
        FRESH, HOLDS_OLD, MemoryCatalog(FIRST, SECOND, permitted_from={SECOND: only_from_first})
    )
    assert [step.image for step in decision.plan.steps] == [FIRST, SECOND]


def test_a_release_that_no_permitted_step_leads_to_rejects():
    unreachable = (VersionRange(lowest=FIRST.version, highest=FIRST.version),)
    assert (
        authorise(FRESH, HOLDS_OLD, MemoryCatalog(SECOND, permitted_from={SECOND: unreachable})).code
        is Code.NO_PERMITTED_PATH
    )


def bridge(**changes):
    facts = {
        "device_id": CHF,
        "bridge_type": BridgeType.B2,
        "model": MODEL,
        "hardware_version": "1",
        "firmware": OLD,
        "locked": True,
        "boots": 1,
    }
    return BridgeIdentity(**facts | changes)


def test_a_hub_is_given_nothing_that_is_for_bridges():
    for_bridges = MemoryCatalog(SECOND)
    for_bridges.make_for(DeviceKind.B2)
    decision = authorise(FRESH, HOLDS_OLD, for_bridges)
    assert decision.code is Code.NO_RELEASE
    assert "its releases are for bridges of type B2, not for hubs" in decision.detail


def test_a_bridge_is_given_nothing_for_a_hub_s_line():
    decision = authorise(replace(FRESH, hub=bridge()), HOLDS_OLD, CATALOG)
    assert (decision.code, decision.detail) == (
        Code.IDS_DISAGREE,
        f"it is bridge {CHF}, the order lists its id as one of the hubs",
    )
    stranger = authorise(replace(FRESH, hub=bridge(), line=None), HOLDS_OLD, CATALOG)
    assert (stranger.code, stranger.detail) == (Code.NOT_ON_ORDER, f"bridge {CHF} is not on order WO-1")


@pytest.mark.parametrize(
    ("label", "told"),
    [
        (ScannedLabel(STRANGER), "is not this bridge's"),
        (ScannedLabel(CHF, "GPF"), f"the label says GPF, this is bridge {CHF}"),
        (ScannedLabel(CHF, "CHF"), f"the label says CHF, this is bridge {CHF}"),
    ],
)
def test_a_bridge_s_label_has_its_id_and_no_role(label, told):
    assert ScannedLabel(CHF).names(bridge())
    decision = authorise(replace(FRESH, hub=bridge(), label=label), HOLDS_OLD, CATALOG)
    assert decision.code is Code.LABEL_DISAGREES
    assert told in decision.detail


def test_a_bridge_of_another_type_than_its_order_s_is_given_nothing():
    line = BridgeLine(
        device_id=CHF,
        bridge_type=BridgeType.B3,
        premises="P1",
        set_members=2,
        manufacturer=MODEL.manufacturer,
        model=MODEL.model,
        recorded_firmware=OLD,
        owner="PARTY",
    )
    asked = replace(FRESH, hub=bridge(), line=line)
    decision = authorise(asked, HOLDS_OLD, CATALOG)
    assert (decision.code, decision.detail) == (
        Code.MODEL_DISAGREES,
        "it is a bridge of type B2, the order says B3",
    )
    of_its_type = replace(asked, line=line.model_copy(update={"bridge_type": BridgeType.B2}))
    assert authorise(of_its_type, HOLDS_OLD, CATALOG).code is Code.NO_RELEASE  # all are for hubs
    for_it = MemoryCatalog(SECOND)
    for_it.make_for(DeviceKind.B2)
    assert isinstance(authorise(of_its_type, HOLDS_OLD, for_it), Authorised)
    hub_decision = authorise(replace(FRESH, line=line), HOLDS_OLD, CATALOG)
    assert hub_decision.code is Code.IDS_DISAGREE
