"""One JSON object a line each way.

A request is `{"protocol": 2, "do": NAME, "with": {...}}`, where due with `"by"` (who answers for it, a pseudonym), `"pin"`,
`"badge"` or `"bearer"` (what proves who it is; with a PIN `by` may be a name, and `"network"` is where they are if not at the bench)
and `"key"` (a UUID: the same for each sending of one command).
An answer is `{"answer": {...}}` or `{"refused": {"code": ..., "line": ..., "facts": {...}}}`. Pure: bytes and models, no
socket.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError
from pydantic_core import from_json

from station.bench.labels import Badge
from station.desk.act import Bearer, Pin, Proof
from station.desk.refusals import Invalid, Refusal, Refused, Unavailable, unfit
from station.desk.request import Answer, Request
from station.desk.rights import request_named
from station.people.bearers import Secret
from station.version import station_version

PROTOCOL: Final = 2
"""Raise it when a request or an answer changes so that the program before would misread it. 1 had no number."""
LONGEST_REQUEST: Final = 64 * 1024
"""In bytes. A file comes as a descriptor beside its request, and never in it."""
LONGEST_ANSWER: Final = 16 * 1024 * 1024
"""In bytes."""

CROWD: Final = "connected"
"""The fact of a refusal for want of room: how many commands and screens the socket serves."""

A = TypeVar("A", bound=Answer)


class NoAnswer(Exception):
    """What came is no answer of this protocol. One line."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came."""

    request: Request[Any]
    by: str | None = None
    key: UUID | None = None
    proof: Proof | None = None
    network: str | None = None
    """Where whoever proves it is, if not at the bench."""


class OtherProtocol(Unavailable):
    """Who asks speaks another version of the protocol."""


class _RequestFrame(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    protocol: int
    do: str
    fields: dict[str, JsonValue] = Field(default={}, alias="with")
    by: str | None = Field(None, max_length=200)
    key: UUID | None = None
    pin: Annotated[str, StringConstraints(max_length=64)] | None = Field(None, repr=False)
    badge: Annotated[str, StringConstraints(pattern="^[0-9A-Z]{8,64}$")] | None = Field(None, repr=False)
    bearer: Secret | None = Field(None, repr=False)
    network: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None

    @property
    def proof(self) -> Proof | None:
        """What proves who asks. Raises Invalid for more than one proof."""
        proofs: list[Proof] = []
        if self.pin is not None:
            proofs.append(Pin(self.pin))
        if self.badge is not None:
            proofs.append(Badge(self.badge))
        if self.bearer is not None:
            proofs.append(Bearer(self.bearer))
        if len(proofs) > 1:
            raise Invalid("PIN, badge and session are each a proof: give one")
        return proofs[0] if proofs else None


class _AnswerFrame(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    answer: dict[str, JsonValue] | None = None
    refused: Refusal | None = None


def request_frame(asked: Asked) -> bytes:
    """Put a request into a line."""
    frame: dict[str, JsonValue] = {"protocol": PROTOCOL, "do": asked.request.name}
    fields = json.loads(asked.request.model_dump_json(exclude_unset=True))
    frame |= {"with": fields} if fields else {}
    frame |= {} if asked.by is None else {"by": asked.by}
    match asked.proof:
        case Pin(digits):
            frame |= {"pin": digits}
        case Badge(code):
            frame |= {"badge": code}
        case Bearer(secret):
            frame |= {"bearer": secret}
    frame |= {} if asked.key is None else {"key": str(asked.key)}
    frame |= {} if asked.network is None else {"network": asked.network}
    return _line(frame)


def read_request(line: bytes) -> Asked:
    """Read a request. Raises Refused for everything else: OtherProtocol, NotFound, Invalid."""
    try:
        content = from_json(line, allow_inf_nan=False)
    except ValueError as error:
        raise Invalid("this is no request: a line of JSON in UTF-8 was expected") from error
    if not isinstance(content, dict):
        raise Invalid("this is no request: a JSON object was expected")
    _require_protocol(content.get("protocol"))
    try:
        frame = _RequestFrame.model_validate_json(line)
    except ValidationError as error:
        raise unfit(error, "this is no request") from error
    kind = request_named(frame.do)
    try:
        request = kind.model_validate_json(json.dumps(frame.fields))
    except ValidationError as error:
        raise unfit(error, f"the request is not as {kind.name} needs it") from error
    return Asked(request, frame.by, frame.key, frame.proof, frame.network)


def answer_frame(answer: Answer) -> bytes:
    """Put an answer into a line."""
    return b'{"answer":' + answer.model_dump_json().encode() + b"}\n"


def refusal_frame(refused: Refused) -> bytes:
    """Put a refusal into a line; for a program of before there were numbers, in words that it knows, too."""
    frame: dict[str, JsonValue] = {"refused": json.loads(Refusal.of(refused).model_dump_json())}
    if isinstance(refused, OtherProtocol):
        frame |= {"ok": False, "error": str(refused)}
    return _line(frame)


def read_answer(line: bytes, kind: type[A]) -> A:
    """Read the answer to a request. Raises Refused where it is a refusal, NoAnswer where it is neither."""
    older = (
        "the daemon that runs is of another version than this reflash: restart it (systemctl restart reflash)"
    )
    try:
        frame = _AnswerFrame.model_validate_json(line)
        if frame.refused is None and frame.answer is not None:
            return kind.model_validate_json(json.dumps(frame.answer))
    except ValidationError as error:
        raise NoAnswer(older) from error
    if frame.refused is None:
        raise NoAnswer(older)
    raise frame.refused.error()


def _require_protocol(protocol: object) -> None:
    if protocol == PROTOCOL and type(protocol) is int:
        return
    spoken = "one of before they had numbers" if protocol is None else f"{str(protocol)[:20]!r}"
    raise OtherProtocol(
        f"the station that runs ({station_version()}) speaks protocol {PROTOCOL} and this program {spoken}: use the "
        "reflash that was installed with it, or restart the station (systemctl restart reflash)",
        protocol=PROTOCOL,
        version=station_version(),
    )


def _line(frame: dict[str, JsonValue]) -> bytes:
    return json.dumps(frame, separators=(",", ":")).encode() + b"\n"
