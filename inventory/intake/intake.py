"""The way in for messages, wherever they come from: read, held against who may have said them, taken in batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import structlog

from inventory.database.engine import Database, DatabaseUnavailable, WrongRevision
from inventory.intake import findings, store
from inventory.intake.event import NotTaken, StationEvent, read_event
from inventory.intake.findings import Finding
from inventory.intake.store import Taken
from inventory.moments import Clock
from station.messages.topics import Topics

_log: Final = structlog.get_logger()
_SHOWN: Final = 64 * 1024
"""Bytes of a message that cannot be taken that are kept."""


class Heard(NamedTuple):
    """A message as the broker delivered it."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes in what stations say. Blocks while the database works: not for an event loop."""

    database: Database
    stations: Mapping[str, Topics]
    """Who may say something: what they call themselves, and where they write to."""
    clock: Clock

    def take_heard(self, heard: Sequence[Heard]) -> Taken:
        """Take in what the broker delivered, at most `AT_ONCE` messages.

        What cannot be taken is put aside for a person, and never in the way.

        Raises DatabaseUnavailable and WrongRevision: the same may, and has to, be taken in again then.
        """
        events: list[tuple[Heard, StationEvent]] = []
        found: list[Finding] = []
        for one in heard:
            try:
                event = read_event(one.payload)
                self._require_speaker(one.topic, event)
            except NotTaken as reason:
                found.append(_not_taken(one, str(reason)))
            else:
                events.append((one, event))
        return self._take_each(events, found)

    def take(self, events: Sequence[StationEvent], via: str) -> Taken:
        """Take in messages that were read and judged already. Raises DatabaseUnavailable."""
        return self._take(events, [], via)

    def _take_each(self, events: Sequence[tuple[Heard, StationEvent]], found: Sequence[Finding]) -> Taken:
        try:
            return self._take([event for _, event in events], found, "mqtt")
        except (DatabaseUnavailable, WrongRevision):
            raise
        except Exception as error:
            # One of them is such that the database will not have it, or this program stumbles over it. The others
            # are not to wait for that, and it is told by name.
            _log.warning("messages are taken one by one", reason=str(error).partition("\n")[0])
        taken = self._take([], found, "mqtt")
        for heard, event in events:
            try:
                one = self._take([event], [], "mqtt")
            except (DatabaseUnavailable, WrongRevision):
                raise
            except Exception as error:
                one = self._take([], [_not_taken(heard, str(error).partition("\n")[0])], "mqtt")
            taken = _together(taken, one)
        return taken

    def _take(self, events: Sequence[StationEvent], found: Iterable[Finding], via: str) -> Taken:
        now = self.clock()
        with self.database.write_alone() as connection:
            taken = store.take(connection, events, via, now)
            noted = findings.note(connection, [*taken.found, *found], now)
        for each in noted.new:
            _log.error("look into this: reflash inventory findings list", what=each.what, line=each.line)
        return taken._replace(found=noted.unsettled)

    def _require_speaker(self, topic: str, event: StationEvent) -> None:
        topics = self.stations.get(event.source)
        if topics is None:
            raise NotTaken(f"{event.source} is no station of the configuration")
        # The broker lets each station write to its own topics alone; what it says elsewhere is somebody else's word.
        if not topics.holds(topic):
            raise NotTaken(f"it speaks for {event.source}, on another station's topic")


def _not_taken(heard: Heard, reason: str) -> Finding:
    line = f"a message on {heard.topic} was not taken: {reason}"
    return Finding("message_not_taken", line, heard.topic, heard.payload[:_SHOWN])


def _together(one: Taken, other: Taken) -> Taken:
    return Taken(one.new + other.new, one.known + other.known, [*one.found, *other.found])
