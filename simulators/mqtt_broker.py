"""A broker for the occasion: enough of MQTT 3.1.1 for a demonstration, forgotten when it ends.

QoS 0 and 1, retained messages, last wills, `+` and `#`; every session is a clean one. No user, no TLS: it is for the
loopback interface. Format: OASIS MQTT Version 3.1.1, whose sections are named below.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

_LARGEST_PACKET: Final = 1 << 20
_MOST_UNREAD: Final = 16 << 20
"""Bytes that may wait for a client that does not read; then it is hung up on."""
_PATIENCE_SECONDS: Final = 30.0
"""For a client's first packet; afterwards its keep-alive counts."""

_CONNECT, _PUBLISH, _PUBACK, _SUBSCRIBE, _UNSUBSCRIBE, _PINGREQ, _DISCONNECT = 1, 3, 4, 8, 10, 12, 14
_CONNACK: Final = b"\x20\x02\x00"
_PINGRESP: Final = b"\xd0\x00"
_PROTOCOL: Final = b"\x00\x04MQTT\x04"


class Malformed(Exception):
    """A client sent what is no packet of MQTT 3.1.1, or what this broker does not do."""


@dataclass(frozen=True, slots=True)
class _Message:
    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(eq=False, slots=True)
class _Client:
    writer: asyncio.StreamWriter
    name: str
    keep_alive: float | None
    will: _Message | None
    filters: dict[str, int] = field(default_factory=dict)
    """The QoS of each subscription."""
    packets: int = 0

    def send(self, packet: bytes) -> None:
        if self.writer.transport.get_write_buffer_size() > _MOST_UNREAD:
            self.writer.transport.abort()
        elif not self.writer.is_closing():
            self.writer.write(packet)

    def deliver(self, message: _Message, qos: int, *, retained: bool) -> None:
        qos = min(qos, message.qos)
        head = _text(message.topic)
        if qos:
            self.packets = self.packets % 0xFFFF + 1
            head += struct.pack(">H", self.packets)
        self.send(_packet(_PUBLISH << 4 | qos << 1 | retained, head + message.payload))


@asynccontextmanager
async def mqtt_broker(port: int, host: str = "127.0.0.1") -> AsyncIterator[None]:
    """Serve while the block lasts. Raises OSError where the port cannot be had."""
    broker = _Broker()
    server = await asyncio.start_server(broker.serve, host, port)
    try:
        yield
    finally:
        server.close()
        broker.hang_up()
        await asyncio.gather(*broker.serving, return_exceptions=True)


class _Broker:
    def __init__(self) -> None:
        self.serving: set[asyncio.Task[None]] = set()
        self._clients: dict[str, _Client] = {}
        self._retained: dict[str, _Message] = {}

    def hang_up(self) -> None:
        for task in self.serving:
            task.cancel()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it leaves or sends what is not to be understood."""
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("a connection is served by a task")
        self.serving.add(task)
        client = None
        try:
            client = await self._connect(reader, writer)
            while True:
                async with asyncio.timeout(client.keep_alive):
                    first, body = await _read_packet(reader)
                if first >> 4 == _DISCONNECT:
                    client.will = None  # 3.14.4
                    return
                self._take(client, first, _Body(body))
        except (
            Malformed,
            TimeoutError,
            ConnectionError,
            asyncio.IncompleteReadError,
            asyncio.CancelledError,
        ):
            pass  # whichever it was, the connection is over
        finally:
            self.serving.discard(task)
            writer.close()
            if client is not None:
                if self._clients.get(client.name) is client:
                    del self._clients[client.name]
                if client.will is not None:
                    self._publish(client.will)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> _Client:
        """Section 3.1."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            first, content = await _read_packet(reader)
        if first != _CONNECT << 4 or content[: len(_PROTOCOL)] != _PROTOCOL:
            writer.write(_CONNACK + b"\x01")
            raise Malformed("no CONNECT of MQTT 3.1.1")
        body = _Body(content[len(_PROTOCOL) :])
        flags = body.byte()
        keep_alive = body.number()
        name = body.text() or f"client {id(writer)}"
        will = None
        if flags & 0x04:
            topic = body.text()
            will = _Message(topic, body.take(body.number()), flags >> 3 & 3, bool(flags & 0x20))
        client = _Client(writer, name, keep_alive * 1.5 or None, will)
        if (before := self._clients.get(name)) is not None:
            before.writer.close()  # 3.1.4: each name may be there once
        self._clients[name] = client
        client.send(_CONNACK + b"\x00")
        return client

    def _take(self, client: _Client, first: int, body: _Body) -> None:
        match first >> 4:
            case kind if kind == _PUBLISH:  # 3.3
                topic, qos = body.text(), first >> 1 & 3
                if qos > 1 or not topic or set(topic) & set("+#\0"):
                    raise Malformed("a topic or a QoS that nothing can be published with")
                number = body.number() if qos else 0
                self._publish(_Message(topic, body.rest(), qos, bool(first & 1)))
                if qos:
                    client.send(_packet(_PUBACK << 4, struct.pack(">H", number)))
            case kind if kind == _SUBSCRIBE:  # 3.8
                number, granted = body.number(), {}
                while body:
                    pattern = body.text()
                    granted[pattern] = min(body.byte(), 1)
                client.filters |= granted
                client.send(_packet(0x90, struct.pack(">H", number) + bytes(granted.values())))
                for message in tuple(self._retained.values()):
                    if (qos_of := _asked(granted, message.topic)) is not None:
                        client.deliver(message, qos_of, retained=True)
            case kind if kind == _UNSUBSCRIBE:  # 3.10
                number = body.number()
                while body:
                    client.filters.pop(body.text(), None)
                client.send(_packet(0xB0, struct.pack(">H", number)))
            case kind if kind == _PINGREQ:
                client.send(_PINGRESP)
            case kind if kind == _PUBACK:
                pass  # nothing is sent again on a connection that did not break
            case _:
                raise Malformed("a packet that no client sends")

    def _publish(self, message: _Message) -> None:
        if message.retain:  # 3.3.1.3
            self._retained.pop(message.topic, None)
            if message.payload:
                self._retained[message.topic] = message
        for client in tuple(self._clients.values()):
            if (qos := _asked(client.filters, message.topic)) is not None:
                client.deliver(message, qos, retained=False)


class _Body:
    """Reads the fields of a packet one after another. Raises Malformed past its end."""

    def __init__(self, content: bytes) -> None:
        self._left = content

    def __bool__(self) -> bool:
        return bool(self._left)

    def take(self, count: int) -> bytes:
        if count > len(self._left):
            raise Malformed("a packet is cut short")
        taken, self._left = self._left[:count], self._left[count:]
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def text(self) -> str:
        try:
            return self.take(self.number()).decode()
        except UnicodeDecodeError as error:
            raise Malformed("a text that is no UTF-8") from error

    def rest(self) -> bytes:
        return self.take(len(self._left))


async def _read_packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return a packet's first byte and what follows its length (section 2.2)."""
    first = (await reader.readexactly(1))[0]
    length = 0
    for shift in (0, 7, 14, 21):
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        if not byte & 0x80:
            break
    else:
        raise Malformed("a length of more than four bytes")
    if length > _LARGEST_PACKET:
        raise Malformed("a packet larger than any result")
    return first, await reader.readexactly(length)


def _packet(first: int, body: bytes) -> bytes:
    length, left = bytearray(), len(body)
    while True:
        left, part = left >> 7, left & 0x7F
        length.append(part | (0x80 if left else 0))
        if not left:
            return bytes((first, *length)) + body


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def _asked(filters: dict[str, int], topic: str) -> int | None:
    """Return the best QoS at which a topic was asked for."""
    return max((qos for pattern, qos in filters.items() if _matches(pattern, topic)), default=None)


def _matches(pattern: str, topic: str) -> bool:
    """Section 4.7: `+` is any one level, `#` all that follow; neither meets a topic that begins with `$`."""
    if topic.startswith("$") and pattern[:1] in {"+", "#"}:
        return False
    levels, asked = topic.split("/"), pattern.split("/")
    if asked[-1] == "#":
        asked.pop()
        levels = levels[: len(asked)]
    return len(levels) == len(asked) and all(
        want in {"+", have} for want, have in zip(asked, levels, strict=True)
    )
