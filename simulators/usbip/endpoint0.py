"""Endpoint 0 of an attached device: standard requests answered, the others handed on, each at the bus's pace."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from simulators.usbip.device import Descriptors, Function, Transfer, bus_seconds, make_string

_LANGUAGES: Final = bytes((4, 3, 0x09, 0x04))
_SHORTEST_WAIT: Final = 0.001
"""Seconds. Shorter times are added up, because the event loop's timers are no finer."""
_LONGEST_CREDIT: Final = -0.005
"""Seconds that the host machine overslept and the bus gains back, at most."""


class Pace:
    """Adds up the time that transfers take, and says how long to hold an answer back."""

    def __init__(self) -> None:
        self._owed = 0.0

    def owe(self, seconds: float) -> float:
        """Count a transfer in; return how long to wait now, 0 where it is too short to be waited for alone."""
        self._owed += seconds
        return self._owed if self._owed >= _SHORTEST_WAIT else 0.0

    def paid(self, seconds: float) -> None:
        """Count a wait out, which may have been longer than asked for."""
        self._owed = max(self._owed - seconds, _LONGEST_CREDIT)


class Endpoint0:
    """Serves one transfer at a time, in the order in which they came."""

    def __init__(
        self, descriptors: Descriptors, function: Function, send: Callable[[Transfer, bytes | None], None]
    ) -> None:
        self._descriptors = descriptors
        self._function = function
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._pace = Pace()
        self._queue: deque[Transfer] = deque()
        self._serving: Transfer | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._configuration = 0
        self._alternates: dict[int, int] = {}

    def submit(self, transfer: Transfer) -> None:
        """Take a transfer."""
        self._queue.append(transfer)
        if len(self._queue) == 1:
            self._serve()

    def give_up(self, transfer: Transfer) -> bool:
        """Drop a transfer that the host no longer wants; return whether it was still there."""
        if transfer not in self._queue:
            return False
        transfer.is_over = True
        self._queue.remove(transfer)
        if transfer is self._serving:
            self._stop_timer()
            self._serve_next()
        return True

    def close(self) -> None:
        """Forget every transfer."""
        self._stop_timer()
        for transfer in self._queue:
            transfer.is_over = True
        self._queue.clear()
        self._serving = None

    def end(self, transfer: Transfer, data: bytes | None) -> None:
        """Take the device's answer, and send it when the bus would have carried it."""
        transfer.is_over = True
        carried = len(transfer.data) if data is None or not transfer.setup.is_in else len(data)
        wait = self._pace.owe(bus_seconds(carried))
        if wait:
            begun = self._loop.time()
            self._timer = self._loop.call_later(wait, self._deliver, transfer, data, begun)
        else:
            self._deliver(transfer, data, None)

    def _deliver(self, transfer: Transfer, data: bytes | None, begun: float | None) -> None:
        self._timer = None
        if begun is not None:
            self._pace.paid(self._loop.time() - begun)
        self._queue.popleft()
        self._send(transfer, data)
        self._serve_next()

    def _serve_next(self) -> None:
        self._serving = None
        if self._queue:
            # Not from within the device's own call: a host that asks ahead must not deepen the stack.
            self._loop.call_soon(self._serve)

    def _serve(self) -> None:
        if not self._queue or self._serving is not None:
            return
        transfer = self._serving = self._queue[0]
        if transfer.setup.request_type & 0x60:
            self._function.control(transfer)
            return
        answer = self._standard(transfer)
        if answer is None:
            transfer.stall()
        else:
            transfer.complete(answer)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _standard(self, transfer: Transfer) -> bytes | None:
        """Answer a request of USB 2.0, 9.4; None refuses it."""
        setup = transfer.setup
        match setup.request_type, setup.request:
            case (0x80, 6):
                return self._descriptor(setup.value >> 8, setup.value & 0xFF)
            case (0x81, 6):
                return self._descriptors.of_interfaces.get(setup.value >> 8)
            case (0x80 | 0x81, 0):
                return bytes(2)
            case (0x80, 8):
                return bytes((self._configuration,))
            case (0x00, 9) if setup.value in {0, self._descriptors.configuration[5]}:
                self._configuration = setup.value
                self._alternates.clear()
                return b""
            case (0x81, 10):
                return bytes((self._alternates.get(setup.index, 0),))
            case (0x01, 11) if self._has_alternate(setup.index, setup.value):
                self._alternates[setup.index] = setup.value
                return b""
        return None

    def _descriptor(self, kind: int, number: int) -> bytes | None:
        match kind, number:
            case (1, 0):
                return self._descriptors.device
            case (2, 0):
                return self._descriptors.configuration
            case (3, 0):
                return _LANGUAGES
            case (3, _) if 1 <= number <= len(self._descriptors.strings):
                return make_string(self._descriptors.strings[number - 1])
        return None

    def _has_alternate(self, interface: int, alternate: int) -> bool:
        configuration = self._descriptors.configuration
        position = 0
        while position < len(configuration):
            size, kind = configuration[position : position + 2]
            if kind == 4 and tuple(configuration[position + 2 : position + 4]) == (interface, alternate):
                return True
            position += max(size, 1)
        return False
