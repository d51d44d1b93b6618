"""Uploading an image: the hot loop between the link and the window.

It runs in the link's callbacks, with no task switch, model or log line a chunk, and one timer an upload. It leaves them
only after a setback, to see who is there before another byte is sent, and to tell a hub that is busy with its flash from
one that did not hear.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import cbor2
from smp.header import OP
from smp.image_management import ImageUploadWriteRequest

from drivers.errors import (
    HubAction,
    HubLocked,
    ImageUnsuitable,
    NoAnswer,
    StuckProgress,
    TransferIncomplete,
    UploadRejected,
    after_a_change,
)
from drivers.hub import FlashProgress, ProgressListener
from drivers.hub_answers import DeviceCode, MalformedPayload, code_in, read_payload
from drivers.smp.client import LARGEST_PACKET, SmpClient
from drivers.smp.messages import HEADER, UPLOAD, ParametersAnswer, chunk_head
from drivers.smp.pace import Pace
from drivers.smp.window import OffsetOutOfRange, UploadWindow
from firmware_catalog.image import FirmwareImage

_DATA_HEAD_GROWTH: Final = 2
"""An empty byte string's CBOR head is 1 byte, that of a packet's worth of bytes is up to 3."""

_CHUNK_OVERHEAD: Final = HEADER.size + len(cbor2.dumps({"off": 0xFFFF_FFFF, "data": b""})) + _DATA_HEAD_GROWTH
"""Bytes of a packet that are not the image's."""

_FIRST_PAUSE_SECONDS: Final = 0.02
"""Pause before a chunk is sent again that the hub had no memory for; doubled at each setback in a row."""

_LONGEST_PAUSE_DOUBLINGS: Final = 6

_IMAGE_HEADER: Final = 32
"""Image bytes without which a device refuses the first packet."""

_BURST_LINES: Final = 2
"""Lines at once that every device takes: the default builds of some lose more."""

_FULL_OPENINGS: Final = 2
"""Opening chunks of full size that may go unheard before a small one is tried."""

_LONGEST_BETWEEN_LOOKS: Final = 1.0
"""Seconds for which a hub that may be busy with its flash is waited for before it is asked whether it is."""

_ANSWER: Final = (int(OP.WRITE_RSP), *UPLOAD[1:])

_LONGEST_SPARE_SECONDS: Final = 0.1
"""For which an answer may lie unread, however slow the line is: the port's loss is noticed as late."""

_REPORTS: Final = 100
"""How often progress is told in one upload, about; on a slow line oftener."""

_LONGEST_BETWEEN_REPORTS: Final = 1.0
"""Seconds after which the next answer is told whatever it has brought: who listens knows silence by it."""

Presence = Callable[[], Awaitable[bool]]
"""Looks who is at the port: whether the device that is meant answers. Raises for another one."""


class Upload:
    """One upload: takes the answers, asks the window what they mean, sends what it says. Runs once."""

    def __init__(
        self,
        client: SmpClient,
        image: FirmwareImage,
        parameters: ParametersAnswer,
        on_progress: ProgressListener,
        is_there: Presence,
        holds: Presence,
    ) -> None:
        self._holds = holds
        self._client = client
        self._settings = client.settings
        self._image = image
        self._data = memoryview(image.data)
        self._size = len(image)
        self._on_progress = on_progress
        self._is_there = is_there
        self._sent_to = 0
        self._next_report = 0
        self._report_by = 0.0
        self._loop = asyncio.get_running_loop()
        self._heard = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._pausing = False
        self._pace = Pace()
        self._busy_until = 0.0
        self._between_looks = 0.0
        self._asks = False
        self._aside: list[tuple[int, bytes]] = []
        self._openings = 0
        self._noise = client.noise
        self._refused: tuple[int, DeviceCode] | None = None
        encoder, settings = client.encoder, client.settings
        packet = min(parameters.buf_size - encoder.buffer_overhead, settings.largest_packet, LARGEST_PACKET)
        self._names_hash = self._opening_room(packet, names_hash=True) >= _IMAGE_HEADER
        self._packet_seconds = packet * encoder.bits_a_byte / settings.baud
        self._window = UploadWindow(
            len(image),
            first=self._opening_room(packet, names_hash=self._names_hash),
            chunk=packet - _CHUNK_OVERHEAD,
            width=max(1, min(parameters.buf_count - 1, self._settings.window)),
            attempts=self._settings.upload_attempts,
            next_sequence=client.next_sequence,
        )

    async def run(self) -> None:
        """Return once the hub says that it holds every byte.

        Raises UploadRejected, HubLocked, TransferIncomplete, StuckProgress, NoAnswer, MalformedAnswer, LinkLost
        and LinkStalled, and what the sight of another device raises.
        """
        seconds = self._settings.upload_seconds(self._size)
        with self._client.kept_aside(_ANSWER) as self._aside:
            await self._run(seconds, self._loop.time() + seconds)

    async def _run(self, seconds: float, deadline: float) -> None:
        while not self._window.done:
            with self._client.exchange(HubAction.FLASH, _ANSWER, self._take, writes=True) as self._exchange:
                try:
                    self._take_aside()
                    self._send()
                    self._listen()
                    if not await self._exchange.wait(deadline - self._loop.time()):
                        raise self._stuck(f"is not done after {seconds:.0f} s")
                    self._exchange.done.result()
                finally:
                    self._set_timer(None)
                    self._client.link.may_wait(0)
            with after_a_change():
                if self._asks:
                    await self._ask_whether_it_was_heard()
                while self._window.doubtful:
                    await self._look_who_is_there()

    async def _look_who_is_there(self) -> None:
        """After a setback, go on if the device that is meant is still what answers. Silence is one setback more."""
        if await self._is_there():
            self._window.assured()
            return
        self._window.heard_nothing()
        if self._window.exhausted:
            raise self._silent()

    async def _ask_whether_it_was_heard(self) -> None:
        """Tell a chunk that got lost from a hub that is busy with its flash.

        A hub answers in the order of asking: one that answers anything else has not heard the chunk, or its answer got
        lost, unless that came right before. A busy one is silent, and waited for.
        """
        self._asks = False
        self._between_looks = max(self._between_looks, min(2 * self._between_looks, _LONGEST_BETWEEN_LOOKS))
        if not await self._is_there() or any(self._window.expects(number) for number, _ in self._aside):
            return
        # Unchecked, what the hub holds may be damaged before its hash: then only the answer says, and all is sent again.
        if self._window.closing and self._client.encoder.is_checked and await self._holds():
            self._on_progress(FlashProgress(self._size, self._size))
            self._window.all_held()
            return
        self._count_lost(overdue=False)
        if self._window.exhausted:
            raise self._silent()
        self._window.assured()

    def _count_lost(self, *, overdue: bool) -> None:
        """Count what is under way as lost. An opening chunk that does not come through in full size is tried small."""
        opening = self._window.opening
        self._window.heard_nothing()
        if not opening:
            return
        self._openings = max(self._openings + 1, _FULL_OPENINGS if overdue else 0)
        if self._openings == _FULL_OPENINGS:
            # A line has a marker and its feed, base64 is four signs for three bytes.
            signs = (self._settings.line_length - 3) // 4 * 4 * _BURST_LINES
            packet = signs * 3 // 4 - self._client.encoder.buffer_overhead
            room = self._opening_room(packet, names_hash=self._names_hash)
            self._window.shrink(
                first=max(room, _IMAGE_HEADER), chunk=max(packet - _CHUNK_OVERHEAD, _IMAGE_HEADER)
            )

    @property
    def _may_be_busy(self) -> bool:
        """Whether the hub may erase, or check the image, before it answers."""
        return self._window.opening or self._window.closing

    @property
    def _opens_small(self) -> bool:
        """Whether the opening chunk under way is a small one, as larger ones were not heard."""
        return self._window.opening and self._openings >= _FULL_OPENINGS

    def _opening_room(self, packet: int, *, names_hash: bool) -> int:
        """Return how many image bytes go into an opening packet of this size."""
        return packet - len(self._opening_packet(0, b"", names_hash=names_hash)) - _DATA_HEAD_GROWTH

    def _opening_packet(self, sequence: int, data: bytes, *, names_hash: bool) -> bytes:
        return bytes(
            ImageUploadWriteRequest(
                version=self._client.version,
                sequence=sequence,
                off=0,
                data=data,
                len=self._size,
                sha=self._image.file_sha256 if names_hash else None,
            )
        )

    def _send(self) -> None:
        if self._pausing:
            return
        if self._window.doubtful:
            if self._window.settled:
                self._exchange.finish(None)
            return
        client = self._client
        while (chunk := self._window.next_chunk()) is not None:
            sequence, start, end = chunk
            if start == 0:
                packet = self._opening_packet(sequence, self._image.data[:end], names_hash=self._names_hash)
                frame = client.encoder.encode(packet)
            else:
                head = chunk_head(client.version, sequence, start, end - start)
                frame = client.encoder.encode(head, self._data[start:end])
            client.sent += 1
            if start < self._sent_to:
                client.sent_again += 1
            if end > self._sent_to:  # noqa: PLR1730 - for each chunk, and a call costs more
                self._sent_to = end
            client.link.write(frame)
            if start == 0 or end == self._size:
                busy = self._busy_seconds()
                self._busy_until = self._loop.time() + busy
                # A device may answer questions while it erases: all small ones together get the time of an erase.
                between = (
                    busy / self._settings.upload_attempts
                    if self._opens_small
                    else self._settings.probe_seconds
                )
                self._between_looks = max(between, self._settings.silence_seconds)

    def _busy_seconds(self) -> float:
        """How long the hub may take for what is under way, if that has it erase or check."""
        window, size = self._window, self._size
        seconds = self._settings.erase_seconds(size) if window.opening else self._settings.check_seconds(size)
        return seconds + window.width * self._packet_seconds + self._client.link.unsent_seconds

    def _take_aside(self) -> None:
        """Take what was answered while it was asked who is there."""
        aside, self._aside[:] = tuple(self._aside), ()
        for sequence, payload in aside:
            self._take(sequence, payload)

    def _take(self, sequence: int, payload: bytes) -> None:
        window = self._window
        if not window.expects(sequence):
            return
        now = self._loop.time()
        if not window.opening and not window.setbacks:
            self._pace.took(now - self._heard)
        self._heard = now
        try:
            fields = read_payload(payload)
            code = code_in(fields)
            if code is None:
                self._advance(sequence, fields)
            else:
                self._refuse(sequence, code)
        except (MalformedPayload, OffsetOutOfRange) as error:
            if not self._client.encoder.is_checked:
                return  # it was damaged, and counts as lost
            raise self._client.malformed(error, HubAction.FLASH, writes=True) from error

    def _advance(self, sequence: int, fields: dict[Any, Any]) -> None:
        offset = fields.get("off")
        if type(offset) is not int:
            raise MalformedPayload("no number `off`")
        window = self._window
        was_opening, was_thrown_back = window.opening, window.setbacks > 0
        window.answered(sequence, offset)
        if was_opening:
            self._openings = 0
        if offset == self._size and window.done:
            self._finish(matches=fields.get("match", True) is True)
            return
        if window.setbacks and window.exhausted:
            raise self._stuck(f"was thrown back {window.setbacks} times to offset {offset}")
        if offset >= self._next_report or self._heard >= self._report_by:
            self._next_report = offset + self._size // _REPORTS
            self._report_by = self._heard + _LONGEST_BETWEEN_REPORTS
            self._on_progress(FlashProgress(offset, self._size))
        self._send()
        if (was_opening or was_thrown_back or window.closing) and not self._pausing:
            self._listen()  # for another time than before

    def _refuse(self, sequence: int, code: DeviceCode) -> None:
        known = self._window.untouched and code.says_denied
        refused = (self._window.acknowledged, code)
        self._window.refused(sequence)
        if not (self._client.encoder.is_checked or code.says_out_of_memory or refused == self._refused):
            # What was refused may have been damaged, or the answer: it has to be said twice.
            self._refused = refused
            self._send()
            return
        if not code.says_out_of_memory or self._window.exhausted:
            error = self._client.refused(code, HubAction.FLASH, state_known=known)
            if isinstance(error, HubLocked):
                raise error
            kind = ImageUnsuitable if code.says_image_unsuitable else UploadRejected
            where = (
                f"the hub at {self._client.link.path} refused the image at offset {self._window.acknowledged}"
            )
            raise kind(
                code.explain(where),
                action=HubAction.FLASH,
                state_known=False,
                device_code=str(code),
            )
        self._pausing = True
        pause = _FIRST_PAUSE_SECONDS * 2 ** min(self._window.setbacks, _LONGEST_PAUSE_DOUBLINGS)
        self._set_timer(self._loop.call_later(pause, self._resume))

    def _resume(self) -> None:
        self._pausing = False
        self._send()
        self._listen()

    def _finish(self, *, matches: bool) -> None:
        if not matches:
            raise TransferIncomplete(
                f"the hub at {self._client.link.path} holds other bytes than were sent",
                action=HubAction.FLASH,
                state_known=False,
                advice="flash it again",
            )
        self._on_progress(FlashProgress(self._size, self._size))
        self._exchange.finish(None)

    def _listen(self) -> None:
        """From now on the hub has its time to answer."""
        self._heard = self._loop.time()
        self._client.link.may_wait(self._spare_seconds())
        self._set_timer(self._loop.call_later(self._patience(), self._look_for_silence))

    def _spare_seconds(self) -> float:
        """For how long an answer may lie unread: a quarter of what is under way beyond the chunk on the line and the next."""
        if self._may_be_busy or self._window.setbacks:
            return 0.0
        return min(max(0, self._window.width - 2) * self._packet_seconds / 4, _LONGEST_SPARE_SECONDS)

    def _patience(self) -> float:
        window = self._window
        on_the_line = window.width * self._packet_seconds + self._client.link.unsent_seconds
        if not self._may_be_busy:
            patience = self._pace.patience(window.setbacks, self._settings.answer_seconds + on_the_line)
            patience += self._spare_seconds()
            # A hub with raw framing may hold a part of a chunk, and drops it in this time: before, nothing is to be sent.
            return max(
                patience, self._settings.silence_seconds and self._settings.silence_seconds + on_the_line
            )
        left = max(0.0, self._busy_until - self._loop.time())
        return min(left, on_the_line + self._between_looks)

    def _look_for_silence(self) -> None:
        # Answers do not touch the timer, which would cost as much as the rest of the loop: it looks when it fires.
        left, link = self._heard + self._patience() - self._loop.time(), self._client.link
        if left > 0:
            link.may_wait(self._spare_seconds())
            self._set_timer(self._loop.call_later(left, self._look_for_silence))
            return
        if link.waits:
            # The hub may have answered while this process was held up: that is read before the next look.
            link.may_wait(0)
            self._set_timer(self._loop.call_later(0, self._look_for_silence))
            return
        if self._may_be_busy and self._loop.time() < self._busy_until:
            self._asks = True
            self._exchange.finish(None)
            return
        self._count_lost(overdue=True)
        if not self._window.exhausted:
            self._send()
            self._listen()
        else:
            self._exchange.fail(self._silent())

    def _set_timer(self, timer: asyncio.TimerHandle | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = timer

    def _silent(self) -> NoAnswer:
        if self._opens_small:
            what = "does not answer to the image's first packet, large or small"
        else:
            what = f"fell silent at offset {self._window.acknowledged}"
        return NoAnswer(
            f"the hub at {self._client.link.path} {what}{self._client.noise_since(self._noise)}",
            action=HubAction.FLASH,
            state_known=False,
        )

    def _stuck(self, why: str) -> StuckProgress:
        what = f"the upload to the hub at {self._client.link.path} {why}"
        return StuckProgress(what, action=HubAction.FLASH, state_known=False)
