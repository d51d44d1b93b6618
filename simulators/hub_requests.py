"""The hub's own commands as USB vendor requests to the device, with the CBOR maps that group 64 has in SMP.

Request 64 carries a command, its number in `wValue`: read (IN), its answer comes at once; written (OUT), it is
only begun, and request 65 (IN) fetches its answer, which is `{"rc": 10}` (busy) until there is one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import cbor2

from simulators.faults import Occasion
from simulators.hub import Hub
from simulators.smp_line import BufferProfile
from simulators.smp_message import (
    HUB_GROUP,
    IMAGE_GROUP,
    GroupRefused,
    ManagementError,
    Refused,
    Request,
)
from simulators.smp_server import ApplicationServer
from simulators.usbip.device import Setup, Transfer

COMMAND: Final = 64
FETCH_ANSWER: Final = 65
_READ_COMMANDS: Final = {0: (HUB_GROUP, 0), 1: (HUB_GROUP, 1), 2: (IMAGE_GROUP, 0)}
"""Identity, challenge, state."""
_WRITE_COMMANDS: Final = {1: (HUB_GROUP, 1), 2: (IMAGE_GROUP, 0), 3: (IMAGE_GROUP, 5)}
"""Unlock, mark or confirm, erase."""
_SMP_VERSION_2: Final = 1

Job = Callable[[], Awaitable[None]]


class HubRequests:
    """Answers the commands of one mode's time on the bus."""

    def __init__(self, hub: Hub, begin: Callable[[Job], None]) -> None:
        self._server = ApplicationServer(hub, BufferProfile())
        self._begin = begin
        self._answer: bytes | None = None

    def occasion(self, setup: Setup) -> Occasion:
        """Which of the occasions that faults wait for this request is."""
        request = _request(setup, {})
        return Occasion.OTHER if request is None else self._server.occasion(request)

    def control(self, transfer: Transfer) -> None:
        """Take a vendor request."""
        setup = transfer.setup
        if setup.request == FETCH_ANSWER and setup.is_in and self._answer is not None:
            transfer.complete(self._answer)
            return
        try:
            body = cbor2.loads(transfer.data) if transfer.data else {}
        except (cbor2.CBORDecodeError, ValueError):
            body = None
        request = _request(setup, body) if isinstance(body, dict) else None
        if request is None:
            transfer.stall()
        elif setup.is_in:
            self._begin(lambda: self._read(request, transfer))
        else:
            self._answer = cbor2.dumps({"rc": int(ManagementError.BUSY)})
            self._begin(lambda: self._write(request))
            transfer.complete()

    async def _read(self, request: Request, transfer: Transfer) -> None:
        transfer.complete(cbor2.dumps(await self._execute(request)))

    async def _write(self, request: Request) -> None:
        self._answer = cbor2.dumps(await self._execute(request))

    async def _execute(self, request: Request) -> dict[str, Any]:
        try:
            return await self._server.answer(request)
        except Refused as refused:
            return {"rc": int(refused.code)}
        except GroupRefused as refused:
            return {"err": {"group": refused.group, "rc": int(refused.code)}}


def _request(setup: Setup, body: dict[str, Any]) -> Request | None:
    commands = _READ_COMMANDS if setup.is_in else _WRITE_COMMANDS
    if setup.request != COMMAND or setup.value not in commands:
        return None
    group, command = commands[setup.value]
    return Request(_SMP_VERSION_2, not setup.is_in, group, 0, command, body)
