"""A publisher that is cancelled ends, whatever it was waiting for just then."""

from __future__ import annotations

import asyncio
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from benches import brokers
from station.publishing.publisher import Publisher
from station.publishing.retained import RetainedStates
from station.publishing.settings import MqttSettings
from station.records.journal import Journal

CONNACK, PUBACK, SUBACK = 0x20, 0x40, 0x90
"""First bytes of packets (MQTT 3.1.1, table 2.1)."""


@contextmanager
def passed_on(port: int, answer: int, hold: Callable[[], None], passed: socket.socket) -> Iterator[int]:
    """Stand between a client and the broker at `port`; yields our own port.

    Before the first answer of this kind is passed on, `hold` is called; right after it, a byte goes to `passed`.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:

        def pump(source: socket.socket, target: socket.socket, *, from_broker: bool) -> None:
            held = False
            with suppress(OSError):
                while data := source.recv(4096):
                    wanted = from_broker and not held and data[0] == answer
                    if wanted:
                        held = True
                        hold()
                    target.sendall(data)
                    if wanted:
                        passed.send(b"!")
            with suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)

        def serve() -> None:
            client, _ = server.accept()
            with client, socket.create_connection(("127.0.0.1", port)) as broker:
                there = threading.Thread(target=pump, args=(client, broker), kwargs={"from_broker": False})
                there.start()
                pump(broker, client, from_broker=True)
                there.join()

        serving = threading.Thread(target=serve)
        serving.start()
        yield server.getsockname()[1]
        serving.join()


@pytest.mark.parametrize("answer", [CONNACK, SUBACK, PUBACK], ids=["connack", "suback", "puback"])
async def test_an_answer_and_the_cancellation_in_one_turn_of_the_loop(
    mosquitto_broker: brokers.Mosquitto, folder: Path, answer: int
) -> None:
    loop = asyncio.get_running_loop()
    passed, seen = socket.socketpair()
    still = threading.Event()

    def hold() -> None:
        loop.call_soon_threadsafe(stand_still)
        still.wait(10)

    def stand_still() -> None:
        # The loop waits until both the answer and our own byte are there, so that it finds them at once.
        still.set()
        select.select([seen], [], [], 10)

    def cancel() -> None:
        loop.remove_reader(seen)
        publishing.cancel()

    with passed, seen, passed_on(mosquitto_broker.port, answer, hold, passed) as port:
        async with Journal.open(folder, site="site", station="bench") as journal:
            publisher = Publisher(journal, MqttSettings(port=port), RetainedStates(), lambda _: None)
            publishing = asyncio.create_task(publisher.run())
            loop.add_reader(seen, cancel)
            done, _ = await asyncio.wait((publishing,), timeout=60)
            publishing.cancel()
            await asyncio.wait((publishing,))
            assert done, "not ended 60 s after it was cancelled"
