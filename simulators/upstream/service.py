"""The two ways in, over HTTPS with certificates on both sides, and what goes wrong on them."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from simulators.upstream import n3, ssmi
from simulators.upstream.faults import Fault, Faults
from simulators.upstream.http import BadCall, Call, answer, read_call
from simulators.upstream.smi import Refusal, Smi

_WHO_MAY: Final = {"n3": "csp", "ssmi": "dcc-logistics"}
"""How the name in the certificate of who may come in by each way begins."""
_ENDS: Final = {Fault.VANISH_BEFORE, Fault.VANISH_AFTER}
_HANGS: Final = {Fault.HANG_BEFORE, Fault.HANG_AFTER}
_TAKES_NOTHING: Final = {Fault.OUTAGE, Fault.VANISH_BEFORE, Fault.HANG_BEFORE}
_OUTAGE: Final = answer(503, b"", "text/plain", {"Retry-After": "0"})


class Service:
    """Serves calls."""

    def __init__(self, smi: Smi, faults: Faults) -> None:
        self._smi = smi
        self._faults = faults
        self.calls = 0
        self._connections: set[asyncio.Task[Any]] = set()

    @asynccontextmanager
    async def listening(self, port: int, context: ssl.SSLContext) -> AsyncIterator[int]:
        """Serve on loopback for the length of the block; yield the port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=context)
        try:
            number: int = server.sockets[0].getsockname()[1]
            yield number
        finally:
            server.close()
            for task in self._connections:
                task.cancel()
            if self._connections:
                await asyncio.wait(self._connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while (call := await read_call(reader)) is not None:
                    if not await self._do(call, reader, writer):
                        break
        except BadCall:
            writer.write(answer(411, b"", "text/plain", {"Connection": "close"}))
        finally:
            writer.close()
            if task is not None:
                self._connections.discard(task)

    async def _do(self, call: Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one call; return whether the connection stays."""
        way = call.path.strip("/")
        if call.method != "POST" or way not in _WHO_MAY:
            writer.write(answer(404, b"", "text/plain"))
            return True
        if not _name_of(writer).startswith(_WHO_MAY[way]):
            writer.write(answer(403, b"", "text/plain"))
            return True
        self.calls += 1
        fault = self._faults.next(way)
        self._smi.note_call(call.headers.get("x-request-id", ""), fault)
        if fault not in _TAKES_NOTHING:
            said = self._n3(call) if way == "n3" else self._ssmi(call, whole=fault is not Fault.HALF_ROWS)
        else:
            said = b""
        if fault in _HANGS:
            await reader.read()  # until the other side has had enough
            return False
        if fault in _ENDS:
            writer.transport.abort()
            return False
        writer.write(_spoilt(said, fault, way))
        await writer.drain()
        return not _is_half(fault, way)

    def _n3(self, call: Call) -> bytes:
        name = n3.notification_id_of(call.body) or ""
        try:
            record = n3.read_notification(call.body)
            done = self._smi.pre_notify(name, hashlib.sha256(call.body).hexdigest(), record)
        except Refusal as refusal:
            done = {"result": "Refused", "code": refusal.code, "detail": refusal.detail}
        text = n3.answer_text(name, done["result"], done.get("code", ""), done.get("detail", ""))
        return answer(200 if done["result"] == "Accepted" else 422, text, "application/xml")

    def _ssmi(self, call: Call, *, whole: bool) -> bytes:
        upload_id = call.headers.get("x-upload-id", "")
        try:
            rows, wrong = ssmi.read_upload(call.body, upload_id, call.headers.get("x-rows", ""))
            refused = {**wrong, **self._smi.upload(upload_id, rows)}
        except Refusal as refusal:
            return answer(422, f"{refusal}".encode(), "text/plain")
        if not whole:
            refused = dict(list(refused.items())[: len(refused) // 2])
        return answer(200, ssmi.answer_text(refused), "text/csv")


def _spoilt(said: bytes, fault: Fault | None, way: str) -> bytes:
    match fault:
        case Fault.OUTAGE:
            return _OUTAGE
        case Fault.GARBLED:
            return answer(200, b"\x00\xffnonsense", "application/octet-stream")
        case Fault.INTERNAL:
            return answer(500, b"", "text/plain")
        case _ if _is_half(fault, way):
            return said[: len(said) - len(said) // 3]
    return said


def _is_half(fault: Fault | None, way: str) -> bool:
    return fault is Fault.HALF_ANSWER or (fault is Fault.HALF_ROWS and way == "n3")


def _name_of(writer: asyncio.StreamWriter) -> str:
    """Return the common name in the certificate of the other side."""
    subject = (writer.get_extra_info("peercert") or {}).get("subject", ())
    return next((value for part in subject for name, value in part if name == "commonName"), "")
