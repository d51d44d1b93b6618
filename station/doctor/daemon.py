"""What a daemon that works says of its own bench: the ports are its own, so nobody else asks them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from station.control.client import NoDaemon, ask_daemon
from station.desk.bench_requests import BenchStatus, Status
from station.doctor.report import Finding, fault, ok, warning
from station.domain.phase import SlotPhase
from station.sentences import Sentences
from station.texts.texts import ENGLISH

_FAULTS: Final = frozenset({SlotPhase.NO_PORT, SlotPhase.OUT_OF_USE})
_WARNINGS: Final = frozenset({SlotPhase.FIND_HUB, SlotPhase.RESEAT, SlotPhase.EMERGENCY_STOP})


async def ask_status(state_directory: Path) -> BenchStatus | None:
    """Return the status of the daemon that runs, None if none does. Raises ControlError and Refused."""
    try:
        return await ask_daemon(state_directory, Status())
    except NoDaemon:
        return None


def judge_status(status: BenchStatus) -> Iterator[Finding]:
    """Word a daemon's status as findings: in English, as all that the doctor says."""
    sentences = Sentences(ENGLISH)
    yield ok("daemon", "runs; ports, boards and broker are its own, so what follows of them is its word")
    connected = status.broker.state == "connected"
    yield (ok if connected else fault)("broker", status.broker.line)
    yield from (warning("station", sentences.notice(each)) for each in status.faults)
    slots = status.slots
    for interlock in dict.fromkeys(each for slot in slots for each in slot.interlocks):
        yield fault(interlock.jig or "station", sentences.interlock(interlock))
    for slot in slots:
        judge = fault if slot.phase in _FAULTS else warning if slot.phase in _WARNINGS else ok
        yield judge(str(slot.place), "; ".join(part for part in sentences.of_slot(slot) if part))
