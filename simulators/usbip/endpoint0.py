"""Endpoint 0 of an attached device: standard requests answered, the others handed on, each at the bus's pace."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from simulators.usbip.device import Descriptors, Function, Transfer, bus_seconds, make_string

_LANGUAGES: Final = bytes((4, 3, 0x09, 0x04))
_SHORTEST_WAIT: Final = 0.001
"""Seconds. Shorter times are added up: a timer costs the host more than the bus would take."""
_MOST_BEHIND: Final = 0.005
"""Seconds that the host machine was late and the bus makes up for, at most."""


class Endpoint0:
    """Serves one transfer at a time, in the order in which they came.

    It keeps a schedule of what the bus and the device do, apart from when this process gets round to it. An answer
    that went out late lets the next one go out earlier, and the other way round, so that in the long run a download
    takes what it would take of the bus: never less.
    """

    def __init__(
        self, descriptors: Descriptors, function: Function, send: Callable[[Transfer, bytes | None], None]
    ) -> None:
        self._descriptors = descriptors
        self._function = function
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._ahead = 0.0
        """Seconds from the clock to the schedule; negative where it is behind."""
        self._answered = 0.0
        """When the last answer went out, by the clock."""
        self._queue: deque[Transfer] = deque()
        self._serving: Transfer | None = None
        self._is_handing_on = False
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
        if not self._is_handing_on:
            # The device took its time over it.
            transfer.at = self._loop.time() + self._ahead
        if transfer.setup.is_in:
            transfer.at += bus_seconds(len(data or b""))
            self._go_on(transfer, self._answer, data)
        else:
            self._answer(transfer, data)

    def _go_on(self, transfer: Transfer, then: Callable[..., None], *more: bytes | None) -> None:
        """Do what comes next when the schedule says so."""
        wait = transfer.at - self._loop.time()
        if wait < _SHORTEST_WAIT:
            then(transfer, *more)
        else:
            self._timer = self._loop.call_later(wait, then, transfer, *more)

    def _answer(self, transfer: Transfer, data: bytes | None) -> None:
        self._keep_schedule(transfer)
        self._answered = self._loop.time()
        self._queue.popleft()
        self._send(transfer, data)
        self._serve_next()

    def _keep_schedule(self, transfer: Transfer) -> None:
        """Note how the clock stands to the schedule, which says that it is `transfer.at` now."""
        now = self._loop.time()
        self._ahead = max(transfer.at - now, -_MOST_BEHIND)
        transfer.at = now + self._ahead

    def _serve_next(self) -> None:
        self._serving = None
        if self._queue:
            # Not from within the device's own call: a host that asks ahead must not deepen the stack.
            self._loop.call_soon(self._serve)

    def _serve(self) -> None:
        if not self._queue or self._serving is not None:
            return
        transfer = self._serving = self._queue[0]
        transfer.at = max(transfer.since, self._answered) + self._ahead
        if transfer.setup.is_in:
            self._hand_on(transfer)
        else:
            # The device has nothing before the bus has carried it.
            transfer.at += bus_seconds(len(transfer.data))
            self._go_on(transfer, self._hand_on)

    def _hand_on(self, transfer: Transfer) -> None:
        self._keep_schedule(transfer)
        self._is_handing_on = True
        try:
            if transfer.setup.request_type & 0x60:
                self._function.control(transfer)
            elif (answer := self._standard(transfer)) is None:
                transfer.stall()
            else:
                transfer.complete(answer)
        finally:
            self._is_handing_on = False

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
