"""What every kind of message has, each version of it: a model, its JSON Schema, and the CloudEvents envelope."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, Field

Sha256Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

Data = TypeVar("Data", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class MessageForm(Generic[Data]):
    """One version of one kind of message. A change that an old consumer would stumble over gets a new version."""

    kind: str
    version: int
    model: type[Data]

    @property
    def name(self) -> str:
        """How the shipped schema's file is called, without its ending."""
        return f"{self.kind}-{self.version}"

    @property
    def schema_id(self) -> str:
        """Names the schema of `data`."""
        return f"urn:x-reflash:{self.kind}:{self.version}"

    @property
    def event_type(self) -> str:
        """Names it in the envelope."""
        return f"reflash.{self.kind}.v{self.version}"

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of `data`, made from the model."""
        schema = self.model.model_json_schema(mode="serialization")
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": self.schema_id, **schema}

    def shipped_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of `data` as the package ships it."""
        path = resources.files("station.messages").joinpath(f"schema/{self.name}.json")
        schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return schema

    def wrap(
        self, data: Data, *, event_id: str, source: str, time: datetime, subject: str | None
    ) -> dict[str, Any]:
        """Return the CloudEvents 1.0 event (structured JSON mode) that carries this. `time` is in UTC."""
        envelope: dict[str, Any] = {
            "specversion": "1.0",
            "id": event_id,
            "source": source,
            "type": self.event_type,
            "time": time.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "dataschema": self.schema_id,
            "data": data.model_dump(mode="json"),
        }
        return envelope if subject is None else {**envelope, "subject": subject}
