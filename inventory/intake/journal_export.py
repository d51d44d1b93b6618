"""Reads a station's whole journal, as `reflash journal export` prints it, for the results in it that never came.

Each line is an event with all that its hash covers; the chain is followed from its first row, so that what is taken is
what the station wrote. How a row is hashed: SHA-256 over the previous row's 32 bytes (32 zero bytes before the first) and
the journal's id, the sequence, UTC in microseconds, the monotonic nanoseconds and the event as canonical JSON, joined by
line feeds. A result's number is how many attempts had been closed when it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from inventory.errors import WrongInput
from inventory.intake.event import NotTaken, StationEvent, event_of
from station.messages.result import RESULT, ResultOfDevice
from station.messages.topics import TopicError, Topics

MAX_LINE: Final = 1 << 20
"""Bytes of a line, at most."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_GENESIS: Final = bytes(32)
_FROM_LINE: Final = {
    "region": "region",
    "han_variant": "variant",
    "owner": "owner",
    "status_recorded": "inventory_status",
    "device_type": "device_type",
    "chts_version": "chts_version",
}
"""What a result of version 2 tells of its order's line, and what the line calls it."""
_TOLD: Final = frozenset(ResultOfDevice.model_fields) - {
    "station_sequence",
    "chain_head",
    "device",
    *_FROM_LINE,
}


class BrokenExport(WrongInput):
    """The file is no whole journal, or not as its station wrote it. Nothing of it from that line on can be believed."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}; export it again, and check it there: reflash journal verify")


@dataclass(slots=True)
class _Chain:
    head: bytes = _GENESIS
    journal: str = ""
    source: str = ""
    results: int = 0
    line: int = 0

    def follow(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Check one row, and return its event. Raises BrokenExport."""
        try:
            event, journal, sequence = row["event"], row["journal"], row["sequence"]
            microseconds = (datetime.fromisoformat(row["utc"]) - _EPOCH) // timedelta(microseconds=1)
            body = json.dumps(
                event, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
            )
            covered = f"{journal}\n{sequence}\n{microseconds}\n{row['monotonic_ns']}\n{body}"
            digest = hashlib.sha256(self.head + covered.encode()).digest()
            stated, kind = row["hash"], event["kind"]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise BrokenExport(self.line, f"it is no event of a journal ({error})") from error
        if sequence != self.line:
            raise BrokenExport(self.line, f"row {self.line} is missing, row {sequence} stands there")
        if digest.hex() != stated:
            raise BrokenExport(self.line, "it does not match its hash: it, or the line before, was changed")
        self._identify(kind, journal, event)
        self.head = digest
        return event if isinstance(event, dict) else {}

    def _identify(self, kind: str, journal: str, event: Mapping[str, Any]) -> None:
        if self.line == 1:
            if kind != "journal_created":
                raise BrokenExport(1, "it is not the first row of a journal")
            try:
                self.source = Topics(event["site"], event["station"]).source
            except (KeyError, TypeError, TopicError) as error:
                raise BrokenExport(1, f"it names no station ({error})") from error
            self.journal = journal
        elif kind == "journal_restored" and event.get("former") == self.journal:
            self.journal = journal
        if journal != self.journal:
            raise BrokenExport(self.line, f"it is of another journal, {journal}")


def results_of(lines: Iterable[bytes]) -> Iterator[StationEvent]:
    """Yield the results that a journal holds, oldest first, under the ids that they were published under.

    Raises BrokenExport at the first line that does not follow from the one before, after all that stands before it.
    """
    chain = _Chain()
    for chain.line, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            raise BrokenExport(chain.line, f"it has {len(line)} bytes")
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BrokenExport(chain.line, f"it is no JSON ({error})") from error
        if not isinstance(row, dict):
            raise BrokenExport(chain.line, "it is no event of a journal")
        event = chain.follow(row)
        if event["kind"] == "attempt_closed":
            chain.results += 1
            yield _result(chain, row, event)
    if chain.line == 0:
        raise BrokenExport(1, "the file is empty")


def _result(chain: _Chain, row: Mapping[str, Any], closed: Mapping[str, Any]) -> StationEvent:
    line = closed.get("line") or {}
    try:
        data = {
            **{name: value for name, value in closed.items() if name in _TOLD},
            "work_order": closed["order"],
            "attempt": closed["number"],
            "jig": closed["place"]["jig"],
            "slot": closed["place"]["slot"],
            "device": closed["chf"],
            "station_sequence": chain.results,
            "chain_head": chain.head.hex(),
            **{name: line.get(column) for name, column in _FROM_LINE.items()},
            # Rows of earlier versions have no word of these.
            **{name: closed.get(name) for name in ("scanned_id", "scanned_role", "utc_synchronised")},
        }
        return event_of(
            RESULT.kind,
            ResultOfDevice,
            data,
            source=chain.source,
            event_id=f"{chain.journal}:{row['sequence']}",
            told=datetime.fromisoformat(row["utc"]),
        )
    except (KeyError, TypeError, AttributeError, NotTaken) as error:
        raise BrokenExport(chain.line, f"its result is none that this version knows ({error})") from error
