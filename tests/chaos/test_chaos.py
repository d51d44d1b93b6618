"""Chaos in small, and the books themselves: they would notice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from chaos_books import KINDS, Books, Findings
from chaos_consumer import Consumer
from chaos_hands import Told
from run_chaos import Request, chaos
from witness import GRACE_SECONDS

from benches.conducting import conducting
from benches.station_bench import StockHub, import_order, order_csv, releases_of, running_bench, slot
from firmware_catalog.identity import Eui64
from station.domain.destination import Destination

pytestmark = pytest.mark.proofs

PLACE = slot(1)
ANOTHER = StockHub(Eui64(0x1111), Eui64(0x2222), "old")
"""On no order."""


@pytest.mark.timeout(600)
def test_six_kills_lose_nothing_contradict_nothing_and_leave_every_hub_bootable(tmp_path: Path) -> None:
    summary = asyncio.run(chaos(tmp_path, Request(seed=8, kills=6, hubs=12, bridges=6)))
    assert summary["kills"] >= 6
    assert summary["killed"].keys() == {"daemon", "broker"}
    assert sum(summary["results"].values()) >= summary["hubs"] == 18
    assert {kind: summary[kind] for kind in (*KINDS, "open")} == dict.fromkeys((*KINDS, "open"), 0)
    assert summary["acts"]["placed"] > 0


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One hub that passed, its journal, and what is in it."""
    folder = tmp_path_factory.mktemp("bench")

    async def work() -> dict[str, Any]:
        hub = bench.hub()
        async with conducting(bench, folder / "journal") as at:
            await import_order(at.journal, order_csv(hub), "jig1")
            await bench.seat(hub, PLACE)
            await at.result(PLACE)
            (attempt,) = (await at.journal.hub_history(hub.chf, hub.gpf)).attempts
            waiting = await at.journal.outbox_batch(9)
            (sent,) = (message for message in waiting if message.topic.endswith("/result"))
        diary = await asyncio.to_thread(bench.diary, 0)
        screen = {"jig": 1, "slot": 1, "phase": "passed", "chf": str(hub.chf)}
        return {
            "diary": diary,
            "trace": [
                {"at": diary[0]["at"], "what": "alive"},
                {"at": diary[-1]["at"], "what": "view", **screen},
            ],
            "releases": releases_of(bench),
            "hub": hub,
            "inside": await bench.look(hub),
            "journal": folder / "journal",
            "sent": sent.payload,
            "where": {},
            "told": Told(str(hub.chf), "passed", attempt.closed),
        }

    with running_bench(folder, stock={"old": 1}) as bench:
        return asyncio.run(work())


def compare(finished: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> Findings:
    parts = {
        **finished,
        "received": [finished["sent"]],
        "inside": dict(finished["inside"]),
        "diary": list(finished["diary"]),
    }
    change(parts)
    consumer = Consumer(1, "every/result")
    for payload in parts["received"]:
        consumer.take(payload)
    books = Books(parts["journal"])
    books.against_consumer(consumer)
    books.against_hubs([parts["hub"]], {str(parts["hub"].chf): parts["inside"]})
    books.against_screen([parts["told"]])
    books.against_crates(parts["where"])
    end = parts["diary"][-1]["at"] + 2 * GRACE_SECONDS
    books.against_witness(
        parts["diary"], parts["trace"], [parts["hub"], ANOTHER], parts["releases"], [(1, 1)], end
    )
    return books.findings


def test_books_that_agree_find_nothing(finished: dict[str, Any]) -> None:
    findings = compare(finished, lambda parts: parts["received"].append(parts["sent"]))
    assert not any(findings.numbers.values()), findings
    assert findings.outcomes == {"passed": 1}


def _nothing_came(parts: dict[str, Any]) -> None:
    parts["received"].clear()


def _came_in_two_forms(parts: dict[str, Any]) -> None:
    parts["received"].append(parts["sent"].replace(b'"passed"', b'"failed"'))


def _came_in_another_form(parts: dict[str, Any]) -> None:
    parts["received"][:] = [parts["sent"].replace(b'"passed"', b'"failed"')]


def _came_from_nowhere(parts: dict[str, Any]) -> None:
    sequence = b":9999"
    head, _, tail = parts["sent"].partition(b'","source"')
    parts["received"].append(head.rpartition(b":")[0] + sequence + b'","source"' + tail)


def _runs_something_else(parts: dict[str, Any]) -> None:
    parts["inside"]["firmware"] = "01020100"


def _is_unlocked(parts: dict[str, Any]) -> None:
    parts["inside"]["left_unlocked"] = True


def _lies_where_nobody_scanned_it(parts: dict[str, Any]) -> None:
    parts["where"] = {parts["hub"].chf: (Destination.REWORK, None)}


def _does_not_boot(parts: dict[str, Any]) -> None:
    parts["inside"]["bootable"] = False


def _shown_and_not_written(parts: dict[str, Any]) -> None:
    parts["told"] = replace(parts["told"], recorded=parts["told"].recorded + timedelta(seconds=1))


def _was_written_before_its_order_came(parts: dict[str, Any]) -> None:
    parts["diary"].append({**_deed_of(parts["hub"].chf), "at": 1.0})


def _another_was_unlocked(parts: dict[str, Any]) -> None:
    parts["diary"].append({**_deed_of(ANOTHER.chf), "at": parts["diary"][-1]["at"]})


def _deed_of(chf: object) -> dict[str, Any]:
    return {"what": "deed", "chf": str(chf), "deed": "unlocked"}


def _was_unconfirmed_when_it_passed(parts: dict[str, Any]) -> None:
    parts["diary"] = [
        {**entry, "confirmed": False} if entry["what"] == "condition" else entry for entry in parts["diary"]
    ]


def _was_exchanged_behind_the_screen(parts: dict[str, Any]) -> None:
    last = parts["diary"][-1]["at"]
    place = {"at": last, "jig": 1, "slot": 1}
    parts["diary"] += [
        {**place, "what": "removed", "chf": str(parts["hub"].chf)},
        {**place, "what": "seated", "chf": str(ANOTHER.chf)},
    ]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (_was_written_before_its_order_came, "unauthorised"),
        (_another_was_unlocked, "unauthorised"),
        (_was_unconfirmed_when_it_passed, "falsely_passed"),
        (_was_exchanged_behind_the_screen, "falsely_passed"),
        (_was_exchanged_behind_the_screen, "mistaken"),
        (_nothing_came, "lost"),
        (_came_in_two_forms, "contradictory"),
        (_came_in_another_form, "contradictory"),
        (_came_from_nowhere, "lost"),
        (_runs_something_else, "contradictory"),
        (_is_unlocked, "contradictory"),
        (_does_not_boot, "unbootable"),
        (_lies_where_nobody_scanned_it, "misplaced"),
        (_shown_and_not_written, "lost"),
    ],
)
def test_books_that_disagree_say_so(
    finished: dict[str, Any], change: Callable[[dict[str, Any]], None], where: str
) -> None:
    assert compare(finished, change).numbers[where] > 0
