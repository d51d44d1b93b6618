"""What people are told of the station's broker, in one line: what is, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from station.publishing.hang_ups import Sent

ONLINE: Final = b'{"status":"online"}'
OFFLINE: Final = b'{"status":"offline"}'
"""What the station's status topic says while the publisher is connected, and when it is not."""

_OVERHEAD: Final = 1024
"""Bytes, with room to spare, that a packet has beside its payload: topic and headers."""


class Connection(StrEnum):
    """How the station stands with its broker."""

    CONNECTED = "connected"
    WAITING = "waiting"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class PublisherStatus:
    """What the operator is told about the broker."""

    connection: Connection
    line: str
    """One line: what is, and what to do where somebody has to do something."""


def connected(unsound: str | None) -> str:
    """Word that all that waited has left, or leaves; and what else the broker sends that is no MQTT."""
    return "connected" if unsound is None else f"connected; it also sends {unsound}; that is dropped"


def undelivered(topic: str) -> str:
    """Word what becomes of a topic that the broker does not deliver. Some drop what they deny, some also hang up."""
    return (
        "does not deliver what this station sends, so results wait on disk; "
        f"let this station write and read {topic} in the broker's access list"
    )


def unsound(sent: str) -> str:
    """Word that the broker sends what is no MQTT."""
    return f"sends {sent}, so results wait on disk; look what answers there, and replace it"


def hangs_up(at: Sent) -> str:
    """Word at what the broker hangs up: nobody knows whether it minds the topic or the size."""
    return (
        f"hangs up when it is sent {at.topic}, so what goes there waits on disk and all else leaves; let this station "
        f"write and read it in the broker's access list, and let it take packets of {at.size + _OVERHEAD} bytes"
    )


def name_is_taken(client_id: str) -> str:
    """Word that the broker ends one good connection after the other."""
    return (
        f"ends each connection soon after it was made; another station may use the client id {client_id}: give each its "
        "own name, or set mqtt.client_id; results wait on disk between"
    )


def too_late(seconds: float, configured: float, from_now: float) -> str:
    """Word how long an answer was waited for, and how long the next is."""
    return f"it had {seconds:g} s (mqtt.timeout_seconds is {configured:g}) and gets {from_now:g} s now"


def ends_early(taken: int) -> str:
    """Word that the broker takes some messages on each connection and then ends it."""
    return (
        f"ends each connection after it has taken some messages (last {taken}), so results leave slowly; look in its log "
        "for a limit of messages, rate or memory, and whether another station uses this one's name"
    )
