"""The API's routes: a request as it came, to the desk's, and its answer or refusal back. It decides nothing."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from pydantic import ValidationError
from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from station.control.client import ControlError
from station.desk.refusals import Invalid, Refused, unfit
from station.desk.request import Answer
from station.desk.request import Request as Asked
from station.desk.session_requests import ShowRight
from station.orders.csv_import import MAX_FILE_SIZE
from station.screen.api.document import FILE_TYPES, document
from station.screen.api.following import follow
from station.screen.api.operations import ROOT, Operation, operations
from station.screen.parts import Parts
from station.screen.problems import of_refusal, of_silence
from station.version import station_version
from station.web.problem import Problem

Endpoint = Callable[[Request], Awaitable[Response]]

LARGER_BODIES: Final[Mapping[str, int]] = {
    ROOT + each.path: MAX_FILE_SIZE for each in operations() if each.takes_file
}
"""Of these paths, how many bytes a body may have: an order's file."""
_MOST_FILES: Final = 2
"""Held at once while they arrive."""


class _OfAnotherType(Exception):
    """The body is of another media type. One line."""


def api_routes(parts: Parts) -> Iterable[BaseRoute]:
    """Yield a route for each operation, and for the description of them all."""
    files = _Files()
    for operation in operations():
        path = ROOT + operation.path.replace("}", ":path}")
        endpoint = follow(parts) if operation.streams else _Asking(parts, operation, files)
        yield Route(path, endpoint.answer, methods=[operation.method])

    async def described(_: Request) -> Response:
        return JSONResponse(document(operations(), station_version()))

    yield Route(f"{ROOT}/openapi.json", described, methods=["GET"])


class _Files:
    """How many files arrive just now."""

    def __init__(self) -> None:
        self.arriving = 0


@dataclass(frozen=True, slots=True)
class _Asking:
    parts: Parts
    operation: Operation
    files: _Files

    async def answer(self, request: Request) -> Response:
        """Ask the desk for whoever sent this."""
        file: int | None = None
        try:
            key = _key(request)
            if self.operation.takes_file:
                # Before a byte of it is taken: whoever may not sends none.
                await self.parts.ask(request, ShowRight(request=self.operation.kind.name))
                if self.files.arriving >= _MOST_FILES:
                    busy = "other files are just arriving: send it again in a moment"
                    return Problem(HTTPStatus.TOO_MANY_REQUESTS, busy, headers={"Retry-After": "2"})
                file, facts = await self._arrived(request)
                asked = self._asked({**_query(request), **facts})
            elif self.operation.method == "GET":
                asked = self._asked({**_query(request), **self._in_path(request)})
            else:
                asked = await self._of_body(request)
            answer = await self.parts.asking(request)(asked, key=key, file=file)
        except Refused as refused:
            return of_refusal(refused)
        except ControlError as error:
            return of_silence(error)
        except _OfAnotherType as error:
            return Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, str(error))
        except ClientDisconnect:
            return Problem(HTTPStatus.REQUEST_TIMEOUT, "it did not arrive whole, and nothing was done")
        finally:
            if file is not None:
                os.close(file)
        return _answered(answer, request)

    def _in_path(self, request: Request) -> dict[str, str]:
        field = self.operation.in_path
        return {} if field is None else {field: request.path_params[field]}

    def _asked(self, fields: Mapping[str, str]) -> Asked[Any]:
        """Read what came as text. Raises Invalid."""
        try:
            return self.operation.kind.model_validate_strings(dict(fields))
        except ValidationError as error:
            raise unfit(error, self.operation.kind.name) from error

    async def _of_body(self, request: Request) -> Asked[Any]:
        """Read a JSON object, to which the path adds what it names. Raises Invalid and _OfAnotherType."""
        if request.query_params:
            raise Invalid("its fields belong in the body, a JSON object, and none in the query")
        body = await request.body()
        if body and _media_type(request) != "application/json":
            raise _OfAnotherType("its body is a JSON object (Content-Type: application/json)")
        try:
            content = from_json(body, allow_inf_nan=False) if body else {}
        except ValueError as error:
            raise Invalid("its body is no JSON in UTF-8") from error
        if not isinstance(content, dict):
            raise Invalid("its body is a JSON object")
        for field, value in self._in_path(request).items():
            if field in content:
                raise Invalid(f"{field} stands in the path, and not in the body", field=field)
            content[field] = value
        try:
            return self.operation.kind.model_validate_json(json.dumps(content))
        except ValidationError as error:
            raise unfit(error, self.operation.kind.name) from error

    async def _arrived(self, request: Request) -> tuple[int, dict[str, str]]:
        """Put the body into a file of its own that no disk holds; return its descriptor, and what is said of it.

        It has no more bytes than its length said, which was looked at before (`Access`).
        """
        if _media_type(request) not in FILE_TYPES:
            raise _OfAnotherType(f"its body is an order's file (Content-Type: {FILE_TYPES[0]})")
        file, size, sha256 = os.memfd_create("order"), 0, hashlib.sha256()
        self.files.arriving += 1
        try:
            async for chunk in request.stream():
                size += len(chunk)
                sha256.update(chunk)
                view = memoryview(chunk)
                while view:
                    view = view[os.write(file, view) :]
        except BaseException:
            os.close(file)
            raise
        finally:
            self.files.arriving -= 1
        return file, {"size": str(size), "sha256": sha256.hexdigest()}


def _answered(answer: Answer, request: Request) -> Response:
    """Tell the answer; of a page of many, where the next one is (RFC 8288)."""
    headers = {}
    following = getattr(answer, "next", None)
    if following is not None:
        query = urlencode({**request.query_params, "after": following})
        headers["Link"] = f'<{request.url.path}?{query}>; rel="next"'
    return Response(answer.model_dump_json(), headers=headers, media_type="application/json")


def _query(request: Request) -> dict[str, str]:
    """Return the query, each name once. Raises Invalid."""
    pairs = request.query_params.multi_items()
    if len(pairs) != len(request.query_params):
        raise Invalid("one of its fields stands in the query twice")
    return dict(pairs)


def _key(request: Request) -> UUID | None:
    given = request.headers.get("idempotency-key")
    if given is None or request.method != "POST":
        return None
    try:
        return UUID(given.strip('"'))
    except ValueError:
        raise Invalid("Idempotency-Key is a UUID, made anew for each command") from None


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
