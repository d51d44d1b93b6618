"""The MQTT client library, where its own way does harm: sockets that are closed early, and messages that are none."""

from __future__ import annotations

from typing import Any, Final, Protocol

import aiomqtt
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import MQTTErrorCode

_SHOWN: Final = 40
"""Bytes of what a broker sent that are shown."""
_NO_PACKET: Final = "a packet that is none of MQTT 3.1.1"


class _Socket(Protocol):
    def fileno(self) -> int: ...


class MqttClient(aiomqtt.Client):
    """Watches a socket only while it is open, and hears only messages that have a topic.

    The library has the event loop watch a turn later, by the number that the socket had: a broker that is lost
    meanwhile leaves a number that is nobody's, or already another file's.
    """

    unsound: str | None = None
    """The first thing that came on this connection and is no MQTT 3.1.1, in words; None where all was."""

    @property
    def has_hung_up(self) -> bool:
        """Whether the broker has ended this connection."""
        return self._disconnected.done()

    def abandon(self) -> None:
        """Wait for the broker's answer to the connection no longer: who waits for it gets MqttError."""
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttError("abandoned"))

    def _on_subscribe(self, client: PahoClient, userdata: Any, mid: int, *answer: Any) -> None:
        if (
            mid in self._pending_subscribes
        ):  # else nobody waits for it any more, which the library would log with a traceback
            super()._on_subscribe(client, userdata, mid, *answer)

    def _on_message(self, client: PahoClient, userdata: Any, message: MQTTMessage) -> None:
        try:
            super()._on_message(client, userdata, message)
        except ValueError:
            # A wildcard, or no UTF-8 (4.7). It is dropped, nobody asked for it: to hang up would hold back what the
            # broker does take. The library would log each.
            topic = bytes(message._topic)  # noqa: SLF001 - its public name raises
            self.unsound = self.unsound or f"a message to {topic[:_SHOWN]!r}, which is no topic"

    def _on_socket_open(self, client: PahoClient, userdata: Any, sock: _Socket) -> None:  # noqa: ARG002 -- the library's
        self._loop.call_soon_threadsafe(self._watch_reading, client, sock)

    def _watch_reading(self, client: PahoClient, sock: _Socket) -> None:
        if sock.fileno() >= 0:
            self._loop.add_reader(sock.fileno(), self._read, client)
        self._misc_task = self._loop.create_task(self._misc_loop())

    def _on_socket_register_write(self, client: PahoClient, userdata: Any, sock: _Socket) -> None:  # noqa: ARG002 -- the same
        self._loop.call_soon_threadsafe(self._watch_writing, client, sock)

    def _watch_writing(self, client: PahoClient, sock: _Socket) -> None:
        # It may be all written by now, too, and nobody would end the watch.
        if sock.fileno() >= 0 and client._registered_write:  # noqa: SLF001 - there is no public way
            self._loop.add_writer(sock.fileno(), self._write, client)

    def _read(self, client: PahoClient) -> None:
        try:
            self._note(client.loop_read())
            # A TLS socket may have read more than was taken from it, which no selector sees.
            while getattr(client.socket(), "pending", int)() > 0:
                self._note(client.loop_read())
        except Exception as error:
            self._break(error)

    def _note(self, done: MQTTErrorCode) -> None:
        if done is MQTTErrorCode.MQTT_ERR_PROTOCOL:
            self.unsound = self.unsound or _NO_PACKET

    def _write(self, client: PahoClient) -> None:
        try:
            client.loop_write()
        except Exception as error:
            self._break(error)

    def _break(self, error: Exception) -> None:
        if not isinstance(error, OSError):
            # The library hands on, as it is, whatever a packet made it stumble over, and reads no further.
            self.unsound = self.unsound or _NO_PACKET
        if not self._disconnected.done():
            self._disconnected.set_exception(error)
