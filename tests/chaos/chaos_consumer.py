"""The consumer of the results, as an inventory would be: a persistent session that removes duplicates."""

from __future__ import annotations

import json
import threading
from typing import Any

from paho.mqtt import client as paho


class Consumer:
    """Subscribes at QoS 1 under a fixed name, so that the broker keeps for it what comes while it is away."""

    def __init__(self, port: int, every_result: str, client_id: str = "inventory") -> None:
        self.received: dict[tuple[str, str], bytes] = {}
        """Every event once, by its source and id, as CloudEvents has it."""
        self.duplicates = 0
        self.contradictory: list[str] = []
        """Events that came again under the same id with another content."""
        self.more = threading.Event()
        """Set whenever something came."""
        self._lock = threading.Lock()
        self._topic = every_result
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._connected
        self._client.on_message = self._message
        self._port = port

    def start(self) -> None:
        """Connect, and come back after every loss."""
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()

    def stop(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def station_sequences(self) -> set[int]:
        """Return the number of every result received."""
        with self._lock:
            return {json.loads(payload)["data"]["station_sequence"] for payload in self.received.values()}

    def _connected(self, client: paho.Client, *_: Any) -> None:
        client.subscribe(self._topic, qos=1)

    def _message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        self.take(bytes(message.payload))

    def take(self, payload: bytes) -> None:
        """Enter an event."""
        event = json.loads(payload)
        key = (event["source"], event["id"])
        with self._lock:
            before = self.received.setdefault(key, payload)
            self.more.set()
            if before is not payload:
                self.duplicates += 1
                if before != payload:
                    self.contradictory.append(f"event {key[1]} came twice with different contents")
