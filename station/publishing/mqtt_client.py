"""The MQTT client library's sockets, watched without harm when one is closed before the watch begins."""

from __future__ import annotations

from typing import Any, Protocol

import aiomqtt
from paho.mqtt.client import Client as PahoClient


class _Socket(Protocol):
    def fileno(self) -> int: ...


class MqttClient(aiomqtt.Client):
    """Watches a socket only while it is open.

    The library has the event loop do it a turn later, by the number that the socket had: a broker that is lost
    meanwhile leaves a number that is nobody's, or already another file's.
    """

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
            client.loop_read()
            # A TLS socket may have read more than was taken from it, which no selector sees.
            while getattr(client.socket(), "pending", int)() > 0:
                client.loop_read()
        except Exception as error:
            self._break(error)

    def _write(self, client: PahoClient) -> None:
        try:
            client.loop_write()
        except Exception as error:
            self._break(error)

    def _break(self, error: Exception) -> None:
        if not self._disconnected.done():
            self._disconnected.set_exception(error)
