"""A real daemon asked through its sockets: each act on record with who it was, each key done once, over a restart."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from benches import brokers
from benches.desk_client import THE_ACCOUNT, no_check, order_file
from benches.looking import until
from benches.station_bench import Bench, at_broker, order_csv, slot
from benches.station_daemon import events_of, running_daemon
from station.cli.asking import Asker, _ask
from station.cli.scanning import Desk as FoundDesk
from station.control.client import ask_daemon
from station.control.server import serve_control
from station.desk.act import Act
from station.desk.bench_requests import EnableSlot, ResetJig, Stop
from station.desk.desk import Desk
from station.desk.label_requests import ScanLabel, TakeBackLabel
from station.desk.order_requests import AssignOrder, CloseOrder, ExpectedOrder
from station.desk.refusals import Conflict
from station.desk.request import Command, Done
from station.domain.actor import Actor
from station.domain.phase import SlotPhase
from station.records.facts.bench import LabelScanned, LabelTakenBack, SlotEnabled
from station.records.facts.commands import CommandAnswered
from station.records.facts.journal import StationStopped
from station.records.facts.orders import OrderAssigned, OrderClosed, OrderImported


async def test_a_shift_at_the_desk_is_done_once_and_signed(
    bench: Bench, shared_broker: brokers.Mosquitto, tmp_path: Path
) -> None:
    hub, other = bench.hub(), bench.hub()
    looking = tmp_path / "desk.sock"
    settings = bench.station_settings(
        tmp_path,
        {"jig1": [1, 2]},
        **at_broker(shared_broker.port),
        operator="op-7",
        desk_socket=str(looking),
    )
    commands: list[tuple[Path, Command[Any], UUID, dict[str, str]]] = [
        (place, command, uuid4(), by)
        for place, command, by in (
            (
                settings.state_directory,
                AssignOrder(order="WO-1", jig="jig1", expected=ExpectedOrder(order=None)),
                {},
            ),
            (settings.state_directory, EnableSlot(jig="jig1", slot=2), {"by": "sup-1"}),
            (looking, ScanLabel(jig="jig1", slot=1, id=hub.gpf), {}),
            (looking, TakeBackLabel(jig="jig1", slot=1, id=hub.gpf), {}),
            (
                settings.state_directory,
                CloseOrder(order="WO-1", reason="r", incomplete_accepted=True, expected_waiting=1),
                {"by": "sup-1"},
            ),
        )
    ]

    async def ask_all() -> list[Any]:
        return [await ask_daemon(place, command, key=key, **by) for place, command, key, by in commands]

    with order_file(order_csv(hub)) as (taking, file):
        async with running_daemon(settings) as station:
            await station.until(slot(1), SlotPhase.EMPTY)
            await until(looking.exists)
            import_key = uuid4()
            taken = await ask_daemon(settings.state_directory, taking, file=file, key=import_key)
            assert taken.new
            answers = await ask_all()
            assert await ask_all() == answers
            await ask_daemon(looking, ScanLabel(jig="jig1", slot=1, id=other.gpf))
            with pytest.raises(Conflict, match="jig1 slot 1: another label waits here now, not"):
                await ask_daemon(looking, TakeBackLabel(jig="jig1", slot=1, id=hub.gpf))
        async with running_daemon(settings) as station:
            await station.until(slot(1), SlotPhase.EMPTY)
            await until(looking.exists)
            assert await ask_all() == answers
            again = await ask_daemon(settings.state_directory, taking, file=file, key=import_key)
            assert again == taken, "new, as it was said at first"
            await ask_daemon(settings.state_directory, Stop(), by="sup-1")
            await station.task
    done = {
        kind: [event.actor for event in events_of(settings, kind)]
        for kind in (OrderImported, OrderAssigned, SlotEnabled, LabelScanned, LabelTakenBack, OrderClosed)
    }
    account, supervisor = (Actor(pseudonym=name, where="terminal") for name in ("op-7", "sup-1"))
    technician = Actor(pseudonym="op-7", role="technician", where="desk")
    assert done == {
        OrderImported: [account],
        OrderAssigned: [account],
        SlotEnabled: [supervisor],
        LabelScanned: [technician, technician],
        LabelTakenBack: [technician],
        OrderClosed: [supervisor],
    }
    assert len(events_of(settings, CommandAnswered)) == len(commands) + 1
    assert [stopped.actor for stopped in events_of(settings, StationStopped)] == [None, supervisor]


async def test_a_command_whose_daemon_dies_over_it_is_asked_again_with_its_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asker = Asker(FoundDesk(tmp_path, ("jig1",), None, "en"), None, None)
    keys: list[str] = []

    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        keys.append(json.loads(await reader.readline())["key"])
        writer.close()

    async def reset(_: ResetJig, act: Act) -> Done:
        keys.append(str(act.key))
        return Done()

    class Remembers:
        async def command_answer(self, _: UUID) -> None:
            return None

        async def append(self, *_: object) -> tuple[()]:
            return ()

    dying = await asyncio.start_unix_server(die, tmp_path / "control.sock")
    asking = asyncio.create_task(_ask(asker, ResetJig(jig="jig1"), None))
    await until(lambda: keys)
    dying.close()
    desk = Desk(Remembers(), no_check, {ResetJig: reset}, {})
    async with serve_control(tmp_path, desk, THE_ACCOUNT):
        assert await asking == Done()
    assert len(set(keys)) == 1
    assert (
        "the daemon ended before it answered; look at its log; it is asked again when it is back"
        in capsys.readouterr().err
    )
