"""The desk as tests ask it: by name and fields, through the socket, with answers as JSON."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from station.control.client import ControlError, ask_daemon, follow_daemon
from station.control.frames import PROTOCOL
from station.control.sockets import socket_at
from station.desk.act import Entrance
from station.desk.desk import Desk
from station.desk.line_clearance import LineClearance
from station.desk.order_desk import OrderDesk
from station.desk.order_requests import ImportOrder
from station.desk.packing_desk import PackingDesk
from station.desk.pallet_desk import PalletDesk
from station.desk.record_desk import RecordDesk
from station.desk.refusals import Refusal, Refused
from station.desk.request import Request
from station.desk.revision_desk import RevisionDesk
from station.desk.rights import Role, request_named
from station.domain.contents import Packed
from station.packing.settings import PackingSettings
from station.records.journal import Journal

REFUSED = (ControlError, Refused)
"""What a command that is not done is told, whoever did not do it."""


@contextmanager
def order_file(
    content: bytes, source: str = "order.csv", number: str | None = None
) -> Iterator[tuple[ImportOrder, int]]:
    """A request to import an order, and the descriptor that comes along with it."""
    file = os.memfd_create("order")
    try:
        os.write(file, content)
        sha256 = hashlib.sha256(content).hexdigest()
        yield ImportOrder(source=source, size=len(content), sha256=sha256, number=number), file
    finally:
        os.close(file)


async def take_order(place: Path, content: bytes) -> dict[str, Any]:
    with order_file(content) as (taking, file):
        return (await ask_daemon(place, taking, file=file)).model_dump(mode="json")


def request(do: str, **fields: Any) -> Request[Any]:
    return request_named(do).model_validate_json(json.dumps(fields))


async def ask(place: Path, do: str, *, by: str | None = None, **fields: Any) -> dict[str, Any]:
    try:
        asked = request(do, **fields)
    except ValidationError:  # the station is to say what is wrong with it
        (told,) = await say(place, frame(do, **fields))
        raise Refusal.model_validate_json(json.dumps(told["refused"])).error() from None
    answer = await ask_daemon(place, asked, by=by)
    dumped: dict[str, Any] = answer.model_dump(mode="json")
    return dumped


@asynccontextmanager
async def watching(place: Path) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    async with follow_daemon(place, request("watch")) as answers:
        yield (answer.model_dump(mode="json") async for answer in answers)


def frame(do: Any, **fields: Any) -> bytes:
    return json.dumps({"protocol": PROTOCOL, "do": do, "with": fields}).encode() + b"\n"


async def say(place: Path, *lines: bytes) -> list[dict[str, Any]]:
    """Send lines as they are, and return as many answers."""
    reader, writer = await asyncio.open_unix_connection(socket_at(place))
    try:
        writer.write(b"".join(lines))
        return [json.loads(await reader.readline()) for _ in lines]
    finally:
        writer.close()
        await writer.wait_closed()


async def no_check(_: str) -> None:
    """Let everybody be named."""


NO_CLEARANCE = LineClearance(lambda: False, look=None)


def desk_of_orders(
    journal: Journal, *jigs: str, seated: bool = False, clearance: LineClearance = NO_CLEARANCE
) -> Desk:
    """The desk as a command has it that holds the journal itself."""
    orders = OrderDesk(journal, jigs, is_seated=lambda _: seated, clearance=clearance)
    return Desk(
        journal,
        no_check,
        {**orders.handlers(), **RevisionDesk(journal).handlers(), **RecordDesk().handlers()},
        {},
    )


def desk_of_packing(
    journal: Journal, sizes: PackingSettings, is_recalled: Callable[[Packed], bool] = lambda _: False
) -> Desk:
    """The desk that hubs leave the bench by."""
    cartons = PackingDesk(journal, lambda: sizes, is_recalled=is_recalled)
    pallets = PalletDesk(journal, lambda: sizes)
    return Desk(journal, no_check, {**cartons.handlers(), **pallets.handlers()}, {})


THE_ACCOUNT = Entrance(Role.ACCOUNT, "terminal", operator=lambda: "op-7")
