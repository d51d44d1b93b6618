"""The MQTT topics of one station, all below `reflash/v1/{site}/{station}`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from station.domain.slot_name import SlotName

TopicLevel = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=64)]
"""A name that becomes an MQTT topic level."""
_LEVEL: Final = re.compile(r"[A-Za-z0-9_-]+")


class TopicError(ValueError):
    """A name cannot stand as a level of a topic."""


def topic_level(name: str) -> str:
    """Return `name` if it may stand between two slashes of a topic; raise TopicError if not."""
    if not _LEVEL.fullmatch(name):
        raise TopicError(f"{name[:40]!r} cannot stand in a topic: letters, digits, - and _ only")
    return name


@dataclass(frozen=True, slots=True)
class Topics:
    """Names every topic that a station writes to. Raises TopicError for a name that no topic can hold."""

    site: str
    station: str

    def __post_init__(self) -> None:
        topic_level(self.site)
        topic_level(self.station)

    @property
    def source(self) -> str:
        """The CloudEvents source of everything this station tells."""
        return f"/reflash/{self.site}/{self.station}"

    def holds(self, topic: str) -> bool:
        """Whether a topic is one of this station's."""
        return topic.startswith(f"{self._root}/")

    @property
    def station_status(self) -> str:
        """Retained: whether the station is there. Its last will says `offline`."""
        return f"{self._root}/status"

    def result(self, place: SlotName) -> str:
        """Not retained: the results of one slot."""
        return f"{self._slot(place)}/result"

    @property
    def every_result(self) -> str:
        """The filter that a subscriber to all results uses."""
        return f"{self._root}/jig/+/slot/+/result"

    def of_station(self, name: str) -> str:
        """Not retained: messages of one kind that are about no slot."""
        return f"{self._root}/{topic_level(name)}"

    def slot_state(self, place: SlotName) -> str:
        """Retained: what one slot is doing."""
        return f"{self._slot(place)}/state"

    @property
    def every_slot_state(self) -> str:
        """The filter of what is retained of slots, those included that the station has no more."""
        return f"{self._root}/jig/+/slot/+/state"

    @property
    def _root(self) -> str:
        return f"reflash/v1/{self.site}/{self.station}"

    def _slot(self, place: SlotName) -> str:
        return f"{self._root}/jig/{topic_level(place.jig)}/slot/{place.slot}"
