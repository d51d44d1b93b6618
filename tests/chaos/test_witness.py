"""The judge of hubs, lamps and screens would notice: each false book makes its count rise, and a true one none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from witness import GRACE_SECONDS, GREEN_LAMP, Judged, OpenOrder, judge

A, B, RELEASE = "A", "B", "new"
LONG = GRACE_SECONDS + 0.5


def condition(at: float, chf: str, image: str, **changes: bool) -> dict[str, Any]:
    held = {"confirmed": True, "pending": False, "locked": True, **changes}
    return {"at": at, "what": "condition", "chf": chf, "image_file_sha256": image, **held}


def at_slot(at: float, what: str, **facts: Any) -> dict[str, Any]:
    return {"at": at, "what": what, "jig": 1, "slot": 1, **facts}


def deed(at: float, chf: str = A, what: str = "written") -> dict[str, Any]:
    return {"at": at, "what": "deed", "chf": chf, "deed": what}


class Story:
    """Hub A passes in a slot and is taken out, as it should be."""

    def __init__(self) -> None:
        self.diary = [
            condition(0, A, "old"),
            condition(0, B, "old"),
            at_slot(1, "seated", chf=A),
            deed(2, what="unlocked"),
            deed(3),
            condition(4, A, RELEASE, confirmed=False),
            condition(5, A, RELEASE),
            at_slot(7, "lamp", colour=GREEN_LAMP),
            at_slot(20, "removed", chf=A),
            at_slot(20.3, "lamp", colour=0),
        ]
        self.trace = [
            {"at": 0.5, "what": "alive"},
            at_slot(1.5, "view", phase="working", chf=A),
            at_slot(7, "view", phase="passed", chf=A),
            at_slot(20.2, "view", phase="empty", chf=None),
        ]
        self.orders = [OpenOrder(0, 30, {A: "gas A"})]
        self.passes = [(A, 6.9)]

    def judged(self) -> Judged:
        return judge(
            self.diary,
            self.trace,
            until=40,
            hubs={A: "gas A", B: "gas B"},
            releases={A: RELEASE, B: RELEASE},
            orders=self.orders,
            places=[(1, 1)],
            passes=self.passes,
        )


def test_a_true_story_is_without_fault() -> None:
    assert Story().judged() == Judged()


def _on_no_order(story: Story) -> None:
    story.diary.append(deed(8, B, "unlocked"))


def _after_its_order_closed(story: Story) -> None:
    story.diary.append(deed(30.1))


def _before_its_order_came(story: Story) -> None:
    story.orders = [OpenOrder(2.5, None, {A: "gas A"})]


def _with_another_gas_id(story: Story) -> None:
    story.orders = [OpenOrder(0, None, {A: "gas B"})]


def _booted_on_no_order(story: Story) -> None:
    story.diary.append(deed(8, B, "reset"))


@pytest.mark.parametrize(
    "change",
    [
        _on_no_order,
        _after_its_order_closed,
        _before_its_order_came,
        _with_another_gas_id,
        _booted_on_no_order,
    ],
)
def test_what_is_done_to_a_hub_that_no_open_order_lists_is_unauthorised(
    change: Callable[[Story], None],
) -> None:
    story = Story()
    change(story)
    judged = story.judged()
    assert judged.unauthorised
    assert not judged.falsely_passed
    assert not judged.mistaken


def _exchange(story: Story, at: float, until: float) -> None:
    """A is exchanged for B at once, and B taken out later; nothing is shown of it."""
    story.diary += [
        at_slot(at, "removed", chf=A),
        at_slot(at, "seated", chf=B),
        at_slot(until, "removed", chf=B),
        at_slot(until, "seated", chf=A),
    ]


def test_green_that_stays_over_an_exchanged_hub_is_false_twice_and_mistaken() -> None:
    story = Story()
    _exchange(story, 10, 10 + LONG)
    judged = story.judged()
    assert [line.partition(": ")[2].split()[1] for line in judged.falsely_passed] == ["screen", "lamp"]
    assert len(judged.mistaken) == 1


def test_a_moment_of_it_is_what_a_switch_takes() -> None:
    story = Story()
    _exchange(story, 10, 10 + GRACE_SECONDS / 2)
    assert story.judged() == Judged()


def test_a_station_that_is_away_shows_nothing_but_has_to_look_again() -> None:
    story = Story()
    _exchange(story, 10, 19)
    story.trace += [{"at": 9.9, "what": "away"}, {"at": 18, "what": "alive"}]
    assert story.judged() == Judged()
    story.trace[-1]["at"] = 19 - LONG
    assert story.judged().mistaken


def test_a_lamp_whose_board_is_broken_says_nothing() -> None:
    story = Story()
    story.trace.append(at_slot(9.5, "view", phase="no_port", chf=None))
    _exchange(story, 10, 19)
    story.diary.append({"at": 9.9, "what": "board", "jig": 1, "works": False})
    assert story.judged() == Judged()
    story.diary[-1]["works"] = True
    assert story.judged().falsely_passed


def test_a_rejection_over_another_hub_is_mistaken_and_no_false_pass() -> None:
    story = Story()
    story.diary.append(at_slot(25, "seated", chf=B))
    story.trace.append(at_slot(24, "view", phase="rejected", chf=A))
    judged = story.judged()
    assert len(judged.mistaken) == 1
    assert not judged.falsely_passed


@pytest.mark.parametrize(
    "left",
    [
        condition(6, A, RELEASE, confirmed=False),
        condition(6, A, RELEASE, pending=True),
        condition(6, A, RELEASE, locked=False),
        condition(6, A, "old"),
    ],
)
def test_a_pass_of_a_hub_that_is_not_finished_is_false(left: dict[str, Any]) -> None:
    story = Story()
    story.diary.append(left)
    judged = story.judged()
    assert any("is PASSED" in line for line in judged.falsely_passed)
    assert any("the screen says passed" in line for line in judged.falsely_passed)
