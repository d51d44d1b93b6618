"""`reflash sign-on`, `sign-off`, and what a supervisor may ask for at the desk's socket with name and PIN."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest

from benches import brokers
from benches.looking import until
from benches.station_bench import Bench, at_broker, order_csv
from benches.station_config import write_config
from benches.station_daemon import events_of, running_daemon
from station.control.client import ask_daemon
from station.desk.bench_requests import Status
from station.domain.actor import Actor, PersonRole
from station.people.operators import Operators
from station.records.facts.bench import SlotEnabled
from station.records.facts.orders import OrderAssigned, OrderClosed, OrderImported
from station.settings_file import load_settings

PIN, OTHER_PIN = "135797", "246808"


async def test_people_sign_on_and_a_supervisor_decides_by_name_and_pin(
    bench: Bench,
    shared_broker: brokers.Mosquitto,
    tmp_path: Path,
    reflash: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk, state = tmp_path / "desk.sock", tmp_path / "state"
    facts = bench.settings(
        state,
        {"jig1": [1]},
        **at_broker(shared_broker.port),
        desk_socket=str(desk),
    )
    config = write_config(tmp_path / "station.toml", facts)
    settings = load_settings(config)
    state.mkdir()
    operators = Operators(settings.operators_file)
    ann, sue = operators.pseudonym_of("Ann"), operators.pseudonym_of("Sue", PersonRole.SUPERVISOR)
    operators.set_pin(ann, PIN)
    operators.set_pin(sue, OTHER_PIN)
    order = tmp_path / "order.csv"
    order.write_bytes(order_csv(bench.hub()))

    async def run(typed: str, *arguments: object) -> Any:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
        return await asyncio.to_thread(reflash, *arguments)

    async def people() -> set[tuple[str | None, str]]:
        status = await ask_daemon(desk, Status())
        return {(each.jig, each.pseudonym) for each in status.people}

    at = ("--desk", desk)
    async with running_daemon(settings):
        await until(desk.exists)
        assert (await run("246801", "sign-on", "ann", "--jig", "jig1", *at)).code == 2
        on = await run(PIN, "sign-on", "ann", "--jig", "jig1", *at)
        assert on.out.splitlines()[0] == f"{ann} is signed on at jig1"
        over = await run(OTHER_PIN, "sign-on", sue, "--json", *at)
        assert (over.json["before"], over.json["jig"]) == (None, None)
        assert await people() == {("jig1", ann), (None, sue)}
        enable = ("jigs", "enable", "jig1", 1, *at)
        refused = await run(PIN, *enable, "--by", "ann")
        assert (refused.code, "is not for a technician" in refused.err) == (2, True)
        assert (await run("", *enable, "--by", "sue")).complaint.startswith(
            "nothing was given: the PIN of sue"
        )
        assert (await run(OTHER_PIN, *enable, "--by", "sue")).out == "jig1 slot 1 is in use again\n"
        by = (*at, "--by", "Sue")
        assert (await run(OTHER_PIN, "orders", "import", order, "--jig", "jig1", *by)).code == 0
        close = ("orders", "close", "WO-1", "--reason", "r", "--incomplete")
        assert (await run(OTHER_PIN, *close, *by)).code == 0
        none = await run(OTHER_PIN, "operators", "unlock", ann, *by)
        assert none.complaint == f"no wrong PIN counts against {ann}"
        other = await run("", "sign-off", "--jig", "jig1", "--instead-of", sue, *at)
        assert (other.code, other.complaint.split(": ")[0]) == (
            1,
            f"{ann} is signed on at jig1 now, not {sue} as was expected",
        )
        assert (await run("", "sign-off", *at)).out == f"{sue} is signed off for the bench\n"
        await run("", "operators", "erase", ann, "--config", config)
        assert await people() == set()
        again = await run("", "sign-off", "--jig", "jig1", *at)
        assert (again.code, again.complaint) == (1, "nobody is signed on at jig1")
    supervisor = Actor(pseudonym=sue, role="supervisor", where="desk")
    for kind in (SlotEnabled, OrderImported, OrderAssigned, OrderClosed):
        assert [event.actor for event in events_of(settings, kind)] == [supervisor], kind
