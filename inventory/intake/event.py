"""Reads what a station tells: from the bytes of a message to facts that were checked.

Nothing that comes is believed: a message has to be one that `station.messages` knows, and of the station whose topic
it came on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from station.messages.order_fact import ORDER_FACT, OrderFact
from station.messages.packing_fact import PACKING_FACT, PackingFact
from station.messages.result import RESULT, RESULT_OF_DEVICE, Result, ResultOfDevice

MAX_SIZE: Final = 256 * 1024
"""Bytes of a message, at most: a result has about two thousand."""
_ID: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):([1-9][0-9]{0,18})")
"""A journal's identity, and the row there."""
_MAX_NUMBER: Final = (1 << 63) - 1
_FORMS: Final = {form.schema_id: form for form in (RESULT, RESULT_OF_DEVICE, ORDER_FACT, PACKING_FACT)}
_NOT_IN_VERSION_1: Final = dict.fromkeys(
    ResultOfDevice.model_fields.keys() - Result.model_fields.keys() - {"device"}
)


class NotTaken(ValueError):
    """A message is none that can be taken; says why in a few words."""


@dataclass(frozen=True, slots=True)
class StationEvent:
    """One message of a station, found good."""

    source: str
    event_id: str
    journal: str
    kind: str
    number: int
    chain_head: str
    told: datetime
    data: Mapping[str, Any]
    """As it came."""
    fact: ResultOfDevice | OrderFact | PackingFact
    """What it says; a result of version 1 in the words of version 2."""


def read_event(payload: bytes) -> StationEvent:
    """Read a CloudEvent in structured JSON mode. Raises NotTaken, and only that."""
    if len(payload) > MAX_SIZE:
        raise NotTaken(f"it has {len(payload)} bytes, more than {MAX_SIZE}")
    try:
        envelope = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise NotTaken(f"it is no JSON: {error}") from error
    if not isinstance(envelope, dict) or envelope.get("specversion") != "1.0":
        raise NotTaken("it is no CloudEvent of version 1.0")
    schema, data = envelope.get("dataschema"), envelope.get("data")
    form = _FORMS.get(schema) if isinstance(schema, str) else None
    if form is None:
        raise NotTaken(f"its schema {str(schema)[:60]!r} is none that this version knows")
    source, event_id = envelope.get("source"), envelope.get("id")
    if not isinstance(source, str) or not isinstance(event_id, str) or not isinstance(data, dict):
        raise NotTaken("it has no source, id or data")
    named = _ID.fullmatch(event_id)
    if named is None:
        raise NotTaken(f"its id {event_id[:60]!r} is no journal's identity and row")
    try:
        told = datetime.fromisoformat(envelope["time"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise NotTaken("it has no time") from error
    return event_of(form.kind, form.model, data, source=source, event_id=event_id, told=told)


def event_of(
    kind: str, model: type[BaseModel], data: Mapping[str, Any], *, source: str, event_id: str, told: datetime
) -> StationEvent:
    """Check what a message says. Raises NotTaken."""
    try:
        fact = model.model_validate_json(json.dumps(data))
        if isinstance(fact, Result):
            told_by_1 = fact.model_dump(mode="json")
            in_2 = {"device": told_by_1.pop("chf"), **told_by_1, **_NOT_IN_VERSION_1}
            fact = ResultOfDevice.model_validate_json(json.dumps(in_2))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise NotTaken(f"its data do not follow the schema: {where}: {first['msg']}") from error
    if not isinstance(fact, ResultOfDevice | OrderFact | PackingFact):
        raise NotTaken(f"a {kind} is nothing that is taken in here")
    if fact.station_sequence > _MAX_NUMBER:
        raise NotTaken(f"its station_sequence {fact.station_sequence} is out of all bounds")
    if isinstance(fact, ResultOfDevice) and fact.gpf is not None and fact.gpf == fact.device:
        raise NotTaken(f"both ids of its hub are {fact.gpf}")
    return StationEvent(
        source=source,
        event_id=event_id,
        journal=event_id.partition(":")[0],
        kind=kind,
        number=fact.station_sequence,
        chain_head=fact.chain_head,
        told=told,
        data=data,
        fact=fact,
    )
