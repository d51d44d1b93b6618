"""The rig's control socket: hands, faults and a look into the hubs, for tests and demonstrations.

A Unix stream socket for its owner only. One JSON object a line asks, one answers: `{"ok": true, ...}` or
`{"ok": false, "error": "..."}`. A slot is named by `jig` and `slot`, a hub also by `chf`.

| do | does |
|---|---|
| `hub` | tells everything of one hub |
| `hubs` | tells of all of them, wherever they are |
| `slots` | tells what each slot and its port is like |
| `seat` | puts the hub `chf`, or the next of the jig's queue, into a slot |
| `unseat` | takes a slot's hub out |
| `swap` | exchanges the hubs of two slots (`with_jig`, `with_slot`) |
| `unload` | has the technician take the hub out and, after the handling time, put the next one in |
| `fault` | arms the fault in `fault`; a physical one without an occasion of its own happens at once |
| `disarm` | forgets a slot's faults, or everyone's |
| `power` | switches a slot's supply (`on`) |
| `port` | plugs or unplugs a slot's port, or the cable of a slot on USB (`plugged`) |
| `hands` | begins the `script` at `jig`, requests of this table each `after` so many seconds; see `hands` |
| `hands_idle` | answers once every script at `jig` is at its end |
| `diary` | tells how many entries the rig's diary has (`count`) and, unless `only_count`, those `since` (0), up to `most` (1000): see `diary` |
| `board` | tells of the I/O board of `jig`, after what `act` asks of it: see `board_control` |
| `statistics` | tells what each line has carried and lost, how many requests reached each USB hub, and what the seated hub spent on erasures and on boots after its first |
| `wait` | answers once the slot's hub is in `mode`, after `boots` boots; an error after `seconds` (10) |
| `stop` | ends the rig |
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from simulators.board_control import act_on_board, describe_board
from simulators.faults import PHYSICAL, FaultFileError, parse_fault
from simulators.hands import Hands, check_script
from simulators.hub import Hub, Mode
from simulators.image import find_image
from simulators.rig import NoSuchPlace, Rig
from simulators.slot import Slot, SlotError

_LONGEST_PATH = 107
"""Bytes that the path of a Unix socket may have (`sun_path` of unix(7), less its end)."""

Answer = dict[str, Any]


class ControlError(Exception):
    """A request that cannot be understood or done. One line."""


async def describe_hub(hub: Hub) -> Answer:
    """Tell everything of one hub, as seen from above: what its flash holds, not what it says of it."""
    plate = hub.nameplate
    running = find_image(hub.layout.primary)
    content = b"" if running is None else hub.layout.primary.read(0, running.size)
    return {
        "chf": plate.chf.hex("-").upper(),
        "gpf": None if plate.gpf is None else plate.gpf.hex("-").upper(),
        "bridge_type": plate.bridge_type,
        "manufacturer": plate.manufacturer,
        "model": plate.model,
        "hw": plate.hardware_version,
        "variant": plate.variant,
        "mode": hub.mode.value,
        "firmware": None if running is None else f"{running.version_number:08X}",
        "image_file_sha256": hashlib.sha256(content).hexdigest() if content else None,
        "slots": [{**asdict(slot), "image_hash": slot.image_hash.hex()} for slot in hub.slots.report()],
        "bootable": await hub.boot_loader.is_bootable(),
        "locked": not hub.lock.is_open,
        "left_unlocked": hub.is_left_unlocked,
        "wrong_unlock_answers": hub.lock.wrong_answers,
        "boots": hub.boots,
    }


def _spent(slot: Slot) -> Answer:
    """Return what the hub in the slot has spent, in seconds, on what no host can shorten."""
    if slot.hub is None:
        return {}
    return {"erasing": slot.hub.seconds_erasing, "rebooting": slot.hub.seconds_rebooting}


def _place(slot: Slot | None) -> Answer:
    return {"jig": None, "slot": None} if slot is None else {"jig": slot.jig, "slot": slot.number}


def _describe_slot(slot: Slot) -> Answer:
    return {
        **_place(slot),
        "occupied": slot.is_occupied,
        "loose": slot.is_loose,
        "powered": slot.is_powered,
        "current_ma": slot.current_ma,
        "port": slot.port.address if slot.port.is_plugged else None,
        "chf": None if slot.hub is None else slot.hub.nameplate.chf.hex("-").upper(),
    }


class Control:
    """Does what a request asks."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.hands = Hands(self._do, rig.diary)
        self._commands: dict[str, Callable[[Answer], Awaitable[Answer]]] = {
            "hub": self._hub,
            "hubs": self._hubs,
            "slots": self._slots,
            "seat": self._seat,
            "unseat": self._unseat,
            "swap": self._swap,
            "unload": self._unload,
            "fault": self._fault,
            "disarm": self._disarm,
            "power": self._power,
            "port": self._port,
            "hands": self._hands,
            "hands_idle": self._hands_idle,
            "diary": self._tell_diary,
            "board": self._board,
            "statistics": self._statistics,
            "wait": self._wait,
            "stop": self._stop,
        }

    async def answer(self, line: bytes) -> Answer:
        """Do one request. Never raises: what is wrong with it is the answer."""
        try:
            request = json.loads(line)
            return {"ok": True, **await self._do(request)}
        except (ValueError, TypeError, ControlError, NoSuchPlace, SlotError, FaultFileError) as error:
            return {"ok": False, "error": str(error)}

    async def _do(self, request: Any) -> Answer:
        return await self._find_command(request)(request)

    def _find_command(self, request: Any) -> Callable[[Answer], Awaitable[Answer]]:
        if not isinstance(request, dict):
            raise ControlError("a JSON object is wanted")
        command = self._commands.get(str(request.get("do")))
        if command is None:
            raise ControlError(f"unknown request {request.get('do')!r}; known: {', '.join(self._commands)}")
        return command

    def _find_slot(self, request: Answer, prefix: str = "") -> Slot:
        return self._rig.slot(*(self._find_number(request, f"{prefix}{key}") for key in ("jig", "slot")))

    @staticmethod
    def _find_number(request: Answer, key: str) -> int:
        text = str(request.get(key, "")).removeprefix("jig").removeprefix("slot")
        if not text.isdecimal():
            raise ControlError(f"{key!r} is wanted, a number")
        return int(text)

    def _find_hub(self, request: Answer) -> Hub:
        if "chf" in request:
            return self._rig.hub(bytes.fromhex(str(request["chf"]).replace("-", "").replace(":", "")))
        slot = self._find_slot(request)
        if slot.hub is None:
            raise SlotError(f"{slot.name} is empty")
        return slot.hub

    async def _hub(self, request: Answer) -> Answer:
        hub = self._find_hub(request)
        return {**_place(self._rig.place_of(hub)), **await describe_hub(hub)}

    async def _hubs(self, _: Answer) -> Answer:
        hubs = self._rig.hubs.values()
        return {"hubs": [{**_place(self._rig.place_of(hub)), **await describe_hub(hub)} for hub in hubs]}

    async def _slots(self, _: Answer) -> Answer:
        return {
            "slots": [_describe_slot(slot) for slot in self._rig.slots],
            "hands_busy": self.hands.busy,
        }

    async def _seat(self, request: Answer) -> Answer:
        slot = self._find_slot(request)
        queue = self._rig.jigs[slot.jig].technician.queue
        if "chf" in request:
            hub = self._find_hub(request)
            if (place := self._rig.place_of(hub)) is not None:
                raise SlotError(f"that hub sits in {place.name}: unseat it first")
            slot.seat(hub)
            if hub in queue:
                queue.remove(hub)
        elif queue:
            slot.seat(queue[0])
            queue.popleft()
        else:
            raise ControlError(f"the queue of jig {slot.jig} is empty")
        return _describe_slot(slot)

    async def _unseat(self, request: Answer) -> Answer:
        slot = self._find_slot(request)
        hub = slot.unseat()
        return {"chf": hub.nameplate.chf.hex("-").upper()}

    async def _swap(self, request: Answer) -> Answer:
        slots = self._find_slot(request), self._find_slot(request, "with_")
        if any(slot.hub is None for slot in slots) or slots[0] is slots[1]:
            raise ControlError("two different occupied slots are wanted")
        first, second = (slot.unseat() for slot in slots)
        slots[0].seat(second)
        slots[1].seat(first)
        return {"slots": [_describe_slot(slot) for slot in slots]}

    async def _unload(self, request: Answer) -> Answer:
        slot = self._find_slot(request)
        technician = self._rig.jigs[slot.jig].technician
        following = technician.swap(slot)
        return {
            "taken": technician.done[-1].nameplate.chf.hex("-").upper(),
            "next": None if following is None else following.nameplate.chf.hex("-").upper(),
            "waiting": len(technician.queue),
        }

    async def _fault(self, request: Answer) -> Answer:
        fault = parse_fault(request.get("fault"), "fault")
        unconditional = (
            fault.on is None and fault.at_byte is None and fault.at == 1 and fault.probability == 1
        )
        if fault.name in PHYSICAL and unconditional:
            for slot in self._rig.struck_by(fault):
                slot.perform(fault)
        else:
            self._rig.arm([fault])
        return {}

    async def _disarm(self, request: Answer) -> Answer:
        slots = [self._find_slot(request)] if "slot" in request else self._rig.slots
        for slot in slots:
            slot.faults.disarm()
        return {}

    async def _power(self, request: Answer) -> Answer:
        slot = self._find_slot(request)
        slot.power(on=self._flag(request, "on"))
        return _describe_slot(slot)

    async def _port(self, request: Answer) -> Answer:
        slot = self._find_slot(request)
        if self._flag(request, "plugged"):
            slot.port.plug()
        else:
            slot.port.unplug()
        return _describe_slot(slot)

    async def _board(self, request: Answer) -> Answer:
        number = self._find_number(request, "jig")
        board = self._rig.board(number)
        act_on_board(board, request)
        answer = describe_board(board)
        if "act" in request:
            lasting = any(armed.left > 1 for armed in board.armed)
            works = board.is_plugged and answer["fault"] == "none" and not board.lying and not lasting
            self._rig.diary.note("board", jig=number, works=works)
        return answer

    async def _hands(self, request: Answer) -> Answer:
        self.hands.begin(self._find_number(request, "jig"), check_script(request.get("script")))
        return {"hands_busy": self.hands.busy}

    async def _hands_idle(self, request: Answer) -> Answer:
        await self.hands.idle(self._find_number(request, "jig"))
        return {}

    async def _tell_diary(self, request: Answer) -> Answer:
        since, most = int(request.get("since", 0)), int(request.get("most", 1_000))
        entries = [] if request.get("only_count") else self._rig.diary.since(since)[:most]
        return {"count": self._rig.diary.count, "entries": entries}

    @staticmethod
    def _flag(request: Answer, key: str) -> bool:
        value = request.get(key)
        if not isinstance(value, bool):
            raise ControlError(f"{key!r} is wanted, true or false")
        return value

    async def _statistics(self, _: Answer) -> Answer:
        return {
            "ports": [
                {**_place(slot), **_spent(slot), **slot.connection.statistics()} for slot in self._rig.slots
            ]
        }

    async def _wait(self, request: Answer) -> Answer:
        hub = self._find_hub(request)
        mode = Mode(str(request.get("mode", Mode.APPLICATION)))
        seconds = float(request.get("seconds", 10))
        try:
            async with asyncio.timeout(seconds):
                await hub.reach(mode, int(request.get("boots", 0)))
        except TimeoutError:
            raise ControlError(f"after {seconds:g} s the hub is {hub.mode}, boots {hub.boots}") from None
        return {"mode": hub.mode.value, "boots": hub.boots}

    async def _stop(self, _: Answer) -> Answer:
        self._rig.stop_wanted.set()
        return {}


@contextmanager
def bind_control(path: Path) -> Iterator[socket.socket]:
    """Make the socket, its owner's only from the start, and remove it at the end. Raises ControlError."""
    if len(str(path).encode()) > _LONGEST_PATH:
        raise ControlError(f"{path}: too long for a socket ({_LONGEST_PATH} bytes); choose a shorter --dir")
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


@asynccontextmanager
async def serve_control(rig: Rig, listener: socket.socket) -> AsyncIterator[None]:
    """Answer on a bound socket until the block is left."""
    control = Control(rig)
    conversations: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations[asyncio.current_task()] = writer
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await control.answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # gone, or a line without end: nothing is owed
        finally:
            writer.close()
            del conversations[asyncio.current_task()]

    async with await asyncio.start_unix_server(converse, sock=listener):
        try:
            yield
        finally:
            await control.hands.close()
            for writer in conversations.values():
                writer.close()
            open_tasks = [task for task in conversations if task is not None]
            if open_tasks:
                await asyncio.wait(open_tasks)
