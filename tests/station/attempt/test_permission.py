"""Whether an attempt may go on, asked of a real journal while orders and catalogues change."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from test_authorise import LINE, MemoryCatalog

from benches.attempt_samples import FIRST, GPF, OLD, SECOND, hub, plan
from firmware_catalog.devices import DeviceKind
from station.attempt.authorise import Rejected
from station.attempt.closing import OpenedAttempt, facts_of
from station.attempt.permission import OrderPermission
from station.domain.label import ScannedLabel
from station.domain.outcome import Code
from station.domain.slot_name import SlotName
from station.records.facts.orders import OrderAssigned, OrderClosed, OrderImported, OrderLinesAdded
from station.records.journal import Journal


def permission(journal: Journal, *, taken_up: bool, **changes: object) -> OrderPermission:
    opened = OpenedAttempt(
        attempt=1,
        place=SlotName(jig="jig1", slot=1),
        order="WO-1",
        number=1,
        hub=facts_of(hub()),
        label=None,
        line=LINE,
        opened=datetime.now(UTC),
        operator=None,
    )
    facts: dict[str, object] = {
        "journal": journal,
        "catalogue": lambda: MemoryCatalog(FIRST, SECOND),
        "veto": lambda *_: None,
        "hindrance": lambda: None,
        "opened": opened,
        "steps": plan(FIRST, SECOND).targets,
        "label": lambda: None,
        "taken_up": taken_up,
    }
    return OrderPermission(**{**facts, **changes})  # type: ignore[arg-type]


def code(rejected: Rejected | None) -> Code | None:
    return None if rejected is None else rejected.code


async def test_an_order_has_to_be_open_and_the_jig_to_work_on_it_unless_the_hub_was_begun_elsewhere(
    tmp_path: Path,
) -> None:
    async with Journal.open(tmp_path, site="site", station="bench") as journal:
        begun, resumed = permission(journal, taken_up=False), permission(journal, taken_up=True)

        async def said() -> tuple[Code | None, Code | None]:
            return (
                code(await begun.refusal(hub(), untouched=True)),
                code(await resumed.refusal(hub(), untouched=False)),
            )

        assert await said() == (Code.NO_OPEN_ORDER, Code.NO_OPEN_ORDER)
        await journal.append(
            OrderImported(order="WO-1", source="x", sha256="0" * 64, hubs=1),
            OrderLinesAdded(order="WO-1", lines=(LINE,)),
        )
        assert await said() == (Code.NO_OPEN_ORDER, None)
        await journal.append(OrderAssigned(order="WO-1", jig="jig1"))
        assert await said() == (None, None)
        await journal.append(OrderClosed(order="WO-1", reason="done"))
        assert await said() == (Code.NO_OPEN_ORDER, Code.NO_OPEN_ORDER)


async def test_a_touched_hub_is_not_held_against_label_and_hindrance_and_every_hub_against_the_rest(
    tmp_path: Path,
) -> None:
    async with Journal.open(tmp_path, site="site", station="bench") as journal:
        await journal.append(
            OrderImported(order="WO-1", source="x", sha256="0" * 64, hubs=1),
            OrderLinesAdded(order="WO-1", lines=(LINE,)),
            OrderAssigned(order="WO-1", jig="jig1"),
        )
        for change, untouched, touched in (
            ({"label": lambda: ScannedLabel(GPF, "CHF")}, Code.LABEL_DISAGREES, None),
            ({"hindrance": lambda: "no room"}, Code.SLOT_FAULT, None),
            ({"veto": lambda *_: Code.RELEASE_STOPPED}, Code.RELEASE_STOPPED, Code.RELEASE_STOPPED),
        ):
            asked = permission(journal, taken_up=False, **change)
            assert code(await asked.refusal(hub(), untouched=True)) is untouched
            assert code(await asked.refusal(hub(), untouched=False)) is touched
        newer = hub(type(OLD).parse("00040000"))
        allowed = permission(journal, taken_up=True)
        assert code(await allowed.refusal(newer, untouched=False)) is Code.NEWER_THAN_RELEASE


async def test_only_what_is_still_to_be_given_has_to_be_released(tmp_path: Path) -> None:
    """A hub that is past the first step does not need it any more."""

    def first_is_withdrawn(_: object, steps: tuple[object, ...]) -> Code | None:
        return Code.RELEASE_WITHDRAWN if plan(FIRST).last.target in steps else None

    async with Journal.open(tmp_path, site="site", station="bench") as journal:
        await journal.append(
            OrderImported(order="WO-1", source="x", sha256="0" * 64, hubs=1),
            OrderLinesAdded(order="WO-1", lines=(LINE,)),
        )
        asked = permission(journal, taken_up=True, veto=first_is_withdrawn)
        assert code(await asked.refusal(hub(), untouched=False)) is Code.RELEASE_WITHDRAWN
        assert await asked.refusal(hub(SECOND.version), untouched=False) is None
        assert not asked.may_stay(FIRST.image_hash)
        assert asked.may_stay(SECOND.image_hash)
        assert asked.may_stay(b"what it came with")


async def test_a_release_that_is_for_bridges_by_now_is_given_to_no_hub(tmp_path: Path) -> None:
    """A catalogue is exchanged under an attempt."""
    catalogue = MemoryCatalog(FIRST, SECOND)
    async with Journal.open(tmp_path, site="site", station="bench") as journal:
        await journal.append(
            OrderImported(order="WO-1", source="x", sha256="0" * 64, hubs=1),
            OrderLinesAdded(order="WO-1", lines=(LINE,)),
            OrderAssigned(order="WO-1", jig="jig1"),
        )
        asked = permission(journal, taken_up=False, catalogue=lambda: catalogue)
        assert await asked.refusal(hub(), untouched=True) is None
        catalogue.make_for(DeviceKind.B1)
        refused = await asked.refusal(hub(), untouched=True)
        assert refused is not None
        assert refused.code is Code.NO_RELEASE
        assert "is for bridges of type B1" in (refused.detail or "")
