"""Questions and answers over one link, matched by sequence number.

One exchange runs at a time. What arrives outside of it, or carries another sequence number, is a late answer to
an exchange that was given up, and is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeVar

from pydantic import BaseModel
from smp.header import OP, Version
from smp.message import Request

from drivers.errors import (
    HubAction,
    HubLocked,
    HubRefused,
    LinkLost,
    LinkStalled,
    MalformedAnswer,
    NoAnswer,
)
from drivers.hub_answers import DeviceCode, MalformedPayload, code_in, read_payload, validate
from drivers.serial_link import SerialLink
from drivers.smp.errors import SmpRefused
from drivers.smp.framing import Decoder, Encoder, FrameDecoder, FrameEncoder
from drivers.smp.messages import HEADER, VERSION_SHIFT
from drivers.smp.raw_framing import RawDecoder, RawEncoder
from drivers.smp.settings import SmpSettings

LARGEST_PACKET: Final = 4096
"""The longest packet sent, and the longest answer taken in: above any hub's buffers, and a bound in memory."""

_LINE_IS_SILENT_SECONDS: Final = 0.05
"""Without a byte for so long, a packet is over: an adapter holds bytes back for 16 ms at most."""

_LONGEST_BABBLE_SECONDS: Final = 1.0

_HEADER_SIZE: Final = HEADER.size
_OPERATION: Final = 0b111
_VERSION: Final = 0b11
_VERSION_2: Final = int(Version.V2)

AnswerModel = TypeVar("AnswerModel", bound=BaseModel)
Answer = tuple[int, int, int]
"""What makes a packet an answer to a request: its operation, group and command."""
Take = Callable[[int, bytes], None]
"""Takes an answer: its sequence number, and its payload."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the client is busy with: which packets answer it, who takes them, and how it ends."""

    action: HubAction
    writes: bool
    answer: Answer
    take: Take
    done: asyncio.Future[Any]

    def finish(self, result: object) -> None:
        """End with a result, unless it has ended."""
        if not self.done.done():
            self.done.set_result(result)

    def fail(self, error: Exception) -> None:
        """End with an error, unless it has ended."""
        if not self.done.done():
            self.done.set_exception(error)

    async def wait(self, seconds: float) -> bool:
        """Return whether it has ended, at the latest after `seconds`."""
        await asyncio.wait([self.done], timeout=seconds)
        return self.done.done()


class SmpClient:
    """Speaks SMP over one serial link, as the link's listener."""

    def __init__(self, link: SerialLink, settings: SmpSettings) -> None:
        self.link = link
        self.settings = settings
        self.encoder: Encoder
        self._decoder: Decoder
        if settings.framing == "console":
            self.encoder, self._decoder = FrameEncoder(settings.line_length), FrameDecoder(LARGEST_PACKET)
        else:
            self.encoder, self._decoder = RawEncoder(), RawDecoder(LARGEST_PACKET)
        self._exchange: Exchange | None = None
        self._aside: tuple[Answer, list[tuple[int, bytes]]] | None = None
        self._sequence = 0
        self.version = Version.V1
        """The version to speak: 1 until the hub has answered in 2."""
        self._version_is_known = False
        self._was_heard = False
        self.sent = 0
        """Requests put on the line so far, chunks of uploads among them; only differences mean anything."""
        self.sent_again = 0
        """How many of them had been sent before: they, or their answers, were lost."""
        self._gone = asyncio.Event()
        link.start(self)

    @property
    def noise(self) -> int:
        """How much came in so far that was no packet; only differences mean anything."""
        return self._decoder.damaged + self._decoder.foreign

    def noise_since(self, before: int) -> str:
        """Say that something else is on the line, if anything speaks for that since `noise` was `before`; else nothing."""
        if self.noise == before:
            return ""
        return " (other text comes in, too: see that nothing else talks or reads on this line)"

    async def until_lost(self) -> NoReturn:
        """Wait for the port to go. Raises LinkLost."""
        await self._gone.wait()
        raise self._lost(HubAction.WAIT, self.link.loss or "closed", state_known=True)

    def next_sequence(self) -> int:
        """Return the number of the next request. Numbers come round after 256 requests."""
        self._sequence = (self._sequence + 1) & 0xFF
        return self._sequence

    def expect_another_hub(self) -> None:
        """Forget what the last hub spoke."""
        self.version = Version.V1
        self._version_is_known = False
        self._was_heard = False

    @contextmanager
    def exchange(self, action: HubAction, answer: Answer, take: Take, *, writes: bool) -> Generator[Exchange]:
        """Direct the answers to `take` while inside. The exchange ends with the link, or as its user decides.

        Raises LinkLost at once when the port is gone already.
        """
        if self._exchange is not None:
            raise RuntimeError(f"{self.link.path}: {action} was begun during {self._exchange.action}")
        if self.link.loss is not None:
            raise self._lost(action, self.link.loss, state_known=True)
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._exchange = Exchange(action, writes, answer, take, done)
        try:
            yield self._exchange
        finally:
            self._exchange = None
            # An outcome that nobody waits for any more, as after a cancellation, is not an error to report.
            if not done.cancel() and not done.cancelled():
                done.exception()

    @contextmanager
    def kept_aside(self, answer: Answer) -> Generator[list[tuple[int, bytes]]]:
        """While inside, keep number and payload of each such answer that comes when no exchange takes it."""
        kept: list[tuple[int, bytes]] = []
        self._aside = answer, kept
        try:
            yield kept
        finally:
            self._aside = None

    async def ask(
        self,
        request: type[Request],
        answer: type[AnswerModel],
        *,
        action: HubAction,
        seconds: float | None = None,
        attempts: int | None = None,
        fields: Mapping[str, object] | None = None,
        latest_only: bool = False,
        learns_version: bool = False,
    ) -> AnswerModel:
        """Send the request with these fields and return its answer.

        A read is repeated up to `attempts` times, a write is sent once; each attempt waits `seconds` (as
        configured, unless given). A read that finds the hub's buffers taken is put again likewise. With
        `latest_only` a late answer to an earlier attempt does not count, since asking again made it void. A read that
        `learns_version` is put in version 2 the first time, and in version 1 to a hub that does not take that. Raises
        NoAnswer, MalformedAnswer, SmpRefused, HubLocked, LinkLost and LinkStalled.

        Where the framing does not check what it carries, a read is believed once the hub has said the same twice in a
        row. With `latest_only` it is put once there too.
        """

        async def put() -> AnswerModel:
            return await self._ask(
                request,
                answer,
                action=action,
                seconds=self.settings.answer_seconds if seconds is None else seconds,
                attempts=attempts,
                fields=fields,
                latest_only=latest_only,
                learns_version=learns_version,
            )

        if self.encoder.is_checked or latest_only or _writes(request):
            return await put()
        before: object = None
        for _ in range(1 + 2 * self.settings.attempts):
            said: AnswerModel | HubRefused | MalformedAnswer
            try:
                said = await put()
                heard: object = said
            except (HubRefused, MalformedAnswer) as error:
                said, heard = error, str(error)
            if heard == before:
                if isinstance(said, Exception):
                    raise said
                return said
            before = heard
        raise MalformedAnswer(
            f"the hub at {self.link.path} says something else each time it is asked the same",
            action=action,
            state_known=True,
            advice="check its contacts and its cable",
        )

    async def _ask(
        self,
        request: type[Request],
        answer: type[AnswerModel],
        *,
        action: HubAction,
        seconds: float,
        attempts: int | None,
        fields: Mapping[str, object] | None,
        latest_only: bool,
        learns_version: bool,
    ) -> AnswerModel:
        writes = _writes(request)
        if attempts is None:
            attempts = 1 if writes else self.settings.attempts
        newest = learns_version and not self._version_is_known
        for left in reversed(range(1 if writes else attempts)):
            try:
                return await self._put(
                    request,
                    answer,
                    action=action,
                    seconds=seconds,
                    attempts=attempts,
                    fields=fields,
                    latest_only=latest_only,
                    newest=newest,
                )
            except SmpRefused as refused:
                if newest and refused.code.says_other_version:
                    newest, self.version = False, Version.V1
                    continue
                if not left or not refused.code.says_no_buffer:
                    raise
                await asyncio.sleep(self.settings.probe_seconds)
        raise AssertionError("at least one attempt is made")

    async def _put(
        self,
        request: type[Request],
        answer: type[AnswerModel],
        *,
        action: HubAction,
        seconds: float,
        attempts: int,
        fields: Mapping[str, object] | None,
        latest_only: bool,
        newest: bool,
    ) -> AnswerModel:
        writes = _writes(request)
        expected: Answer = (request._OP + 1, request._GROUP_ID, request._COMMAND_ID)  # noqa: SLF001 - the package offers a request's operation nowhere else
        sequences: set[int] = set()
        noise = self.noise

        def take(sequence: int, payload: bytes) -> None:
            if sequence in sequences:
                exchange.finish(payload)

        with self.exchange(action, expected, take, writes=writes) as exchange:
            for attempt in range(attempts):
                version = Version.V2 if newest and attempt == 0 else self.version
                if latest_only:
                    sequences.clear()
                sequence = self.next_sequence()
                sequences.add(sequence)
                message = request.model_validate({"version": version, "sequence": sequence, **(fields or {})})
                await self._until_in_step()
                self.sent += 1
                self.sent_again += attempt > 0
                self.link.write(self.encoder.encode(bytes(message)))
                # A hub that got a part of it only drops that after a silence, before which nothing is to be sent.
                patience = max(seconds, self.settings.silence_seconds) if self._was_heard else seconds
                if await exchange.wait(patience + self.link.unsent_seconds):
                    self._version_is_known = self._version_is_known or newest
                    self._was_heard = True
                    return self._read(exchange.done.result(), answer, action=action, writes=writes)
        raise NoAnswer(
            f"the hub at {self.link.path} did not answer {attempts} times in {seconds:g} s"
            f"{self.noise_since(noise)}",
            action=action,
            state_known=not writes,
            advice="seat it anew",
        )

    async def _until_in_step(self) -> None:
        """Drop what came in and is no whole packet, once the line is silent: what comes next begins one."""
        until = asyncio.get_running_loop().time() + _LONGEST_BABBLE_SECONDS
        while (seen := self._decoder.unfinished) and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(_LINE_IS_SILENT_SECONDS)
            if self._decoder.unfinished == seen:
                break
        self._decoder.resync()

    def refused(self, code: DeviceCode, action: HubAction, *, state_known: bool = True) -> HubRefused:
        """Return the error for a command that the hub refused."""
        what = f"the hub at {self.link.path} refused to {action}"
        if code.says_denied:
            return HubLocked(
                f"{what}, its lock is closed", action=action, state_known=state_known, device_code=str(code)
            )
        return SmpRefused(code.explain(what), action=action, code=code, state_known=state_known)

    def malformed(self, error: Exception, action: HubAction, *, writes: bool) -> MalformedAnswer:
        """Return the error for an answer that is none."""
        return MalformedAnswer(
            f"the hub at {self.link.path} answered what SMP does not allow, {error}",
            action=action,
            state_known=not writes,
        )

    async def close(self) -> None:
        """Give the port back. Never raises; may be called twice."""
        if self._exchange is not None:
            self._exchange.fail(self._lost(self._exchange.action, "closed", state_known=False))
        await self.link.close()

    def received(self, data: bytes) -> None:
        """Take bytes from the link."""
        for raw in self._decoder.feed(data):
            exchange, payload_size = self._exchange, len(raw) - _HEADER_SIZE
            if payload_size < 0:
                continue
            first, _, length, group, sequence, command = HEADER.unpack_from(raw)
            if length != payload_size:
                continue
            if exchange is not None and first >> VERSION_SHIFT & _VERSION == _VERSION_2:
                self.version = Version.V2
            answer = first & _OPERATION, group, command
            if exchange is None or answer != exchange.answer or exchange.done.done():
                if self._aside is not None and answer == self._aside[0]:
                    self._aside[1].append((sequence, raw[_HEADER_SIZE:]))
                continue
            try:
                exchange.take(sequence, raw[_HEADER_SIZE:])
            except Exception as error:  # belongs to the exchange's caller, not to the loop
                exchange.fail(error)

    def link_stalled(self, why: str) -> None:
        """Take the link's word that its peer stopped reading."""
        if self._exchange is not None:
            self._exchange.fail(
                LinkStalled(
                    why,
                    action=self._exchange.action,
                    state_known=not self._exchange.writes,
                    advice="check the hub's seat and the flow control setting",
                )
            )

    def link_lost(self, why: str) -> None:
        """Take the link's word that the port is gone."""
        self._gone.set()
        if self._exchange is not None:
            known = not self._exchange.writes
            self._exchange.fail(self._lost(self._exchange.action, why, state_known=known))

    def _lost(self, action: HubAction, why: str, *, state_known: bool) -> LinkLost:
        happened, advice = f"{self.link.path} is gone ({why})", "check the adapter's cable"
        return LinkLost(happened, action=action, state_known=state_known, advice=advice)

    def _read(
        self, payload: bytes, answer: type[AnswerModel], *, action: HubAction, writes: bool
    ) -> AnswerModel:
        try:
            fields = read_payload(payload)
            code = code_in(fields)
            if code is None:
                return validate(answer, fields)
        except MalformedPayload as error:
            if writes and not self.encoder.is_checked:
                raise NoAnswer(
                    f"the hub at {self.link.path} answered, and the line damaged what it said",
                    action=action,
                    state_known=False,
                ) from error
            raise self.malformed(error, action, writes=writes) from error
        raise self.refused(code, action)


def _writes(request: type[Request]) -> bool:
    return request._OP == OP.WRITE  # noqa: SLF001 - the package offers a request's operation nowhere else
