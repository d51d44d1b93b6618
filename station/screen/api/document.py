"""The description of the API (OpenAPI 3.1), made of the desk's models when somebody asks for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any, Final, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from station.desk.order_requests import ComesWithFile
from station.screen.api.operations import ROOT, Operation
from station.web.problem import MEDIA_TYPE

Model = tuple[type[BaseModel], Literal["validation", "serialization"]]
_TEMPLATE: Final = "#/components/schemas/{model}"
FILE_TYPES: Final = ("text/csv", "application/octet-stream")
_PROBLEM: Final = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "about:blank, or urn:reflash:problem: and the kind"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "One line for people: what, where, what to do next."},
        "facts": {"type": "object", "description": "The same for programs."},
    },
}
_SECURITY: Final = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-session",
        "description": "See POST /session.",
    },
    "token": {"type": "http", "scheme": "bearer", "description": "A program's (reflash tokens make)."},
    "pin": {
        "type": "http",
        "scheme": "basic",
        "description": "Name or pseudonym, and PIN, for one request: what only a supervisor may.",
    },
}
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "With one it is done once, however often it is sent.",
    "schema": {"type": "string", "format": "uuid"},
}
_LAST: Final = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "Of the last event that was heard: what did not change since is left out.",
    "schema": {"type": "string"},
}


def document(operations: Iterable[Operation], version: str) -> dict[str, Any]:
    """Return the whole description."""
    every = tuple(operations)
    named, schemas = _schemas(every)
    paths: dict[str, dict[str, Any]] = {}
    for operation in every:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation, named, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Re-flash station",
            "version": version,
            "description": "Everything that the desk offers at the screen's address. Who may is said by `x-who-may`.",
        },
        "servers": [{"url": ROOT}],
        "security": [{"session": []}, {"token": []}, {"session": [], "pin": []}],
        "tags": [{"name": name} for name in sorted({each.tag for each in every})],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": _SECURITY},
    }


def _schemas(every: Iterable[Operation]) -> tuple[dict[Model, str], dict[str, Any]]:
    """Return the name of each model's schema, and the schemas by name."""
    models: dict[Model, None] = {}
    for each in every:
        models[each.kind, "validation"] = None
        models[each.kind.answer, "serialization"] = None
    references, definitions = models_json_schema(list(models), ref_template=_TEMPLATE)
    named = {(kind, mode): str(references[kind, mode]["$ref"]).rpartition("/")[2] for kind, mode in models}
    return named, {**definitions["$defs"], "Problem": _PROBLEM}


def _described(operation: Operation, named: dict[Model, str], schemas: dict[str, Any]) -> dict[str, Any]:
    kind = operation.kind
    schema = schemas[named[kind, "validation"]]
    first, _, _ = (kind.__doc__ or kind.name).partition("\n")
    described: dict[str, Any] = {
        "operationId": kind.name,
        "summary": first.rstrip("."),
        "tags": [operation.tag],
        "x-who-may": list(operation.who_may),
        "parameters": _parameters(operation, schema),
        "responses": {
            "200": {"description": "The answer.", "content": _answer(operation, named)},
            "default": {
                "description": "It was not done.",
                "content": {MEDIA_TYPE: {"schema": {"$ref": _TEMPLATE.format(model="Problem")}}},
            },
        },
    }
    if operation.method == "POST":
        described["requestBody"] = _body(operation, schema)
    return described


def _parameters(operation: Operation, schema: dict[str, Any]) -> list[dict[str, Any]]:
    found = (
        [] if operation.in_path is None else [_parameter(operation.in_path, "path", schema, required=True)]
    )
    needed = schema.get("required", ())
    found += [_parameter(name, "query", schema, required=name in needed) for name in operation.in_query]
    if operation.streams:
        found.append(_LAST)
    return [*found, _KEY] if operation.method == "POST" else found


def _parameter(name: str, where: str, schema: dict[str, Any], *, required: bool) -> dict[str, Any]:
    about = dict(schema["properties"][name])
    about.pop("title", None)
    if "anyOf" in about:  # in a query what is not given is left out, and nothing is null
        kinds = [each for each in about["anyOf"] if each != {"type": "null"}]
        about = kinds[0] if len(kinds) == 1 else {**about, "anyOf": kinds}
    return {"name": name, "in": where, "required": required, "schema": about}


def _body(operation: Operation, schema: dict[str, Any]) -> dict[str, Any]:
    if operation.takes_file:
        most = ComesWithFile.model_json_schema()["properties"]["size"]["maximum"]
        file = {"schema": {"type": "string", "format": "binary", "maxLength": most}}
        return {"required": True, "content": dict.fromkeys(FILE_TYPES, file)}
    body = deepcopy(schema)
    body["properties"] = {
        name: about for name, about in body.get("properties", {}).items() if name != operation.in_path
    }
    body["required"] = [name for name in body.get("required", ()) if name != operation.in_path]
    return {"required": bool(body["required"]), "content": {"application/json": {"schema": body}}}


def _answer(operation: Operation, named: dict[Model, str]) -> dict[str, Any]:
    if operation.streams:
        return {"text/event-stream": {"schema": {"type": "string"}}}
    reference = _TEMPLATE.format(model=named[operation.kind.answer, "serialization"])
    return {"application/json": {"schema": {"$ref": reference}}}
