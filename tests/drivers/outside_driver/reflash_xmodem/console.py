"""The loader's console: a line asked, a line answered, and bytes in between for XMODEM."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

from drivers.errors import (
    DriverError,
    HubAction,
    HubRefused,
    LinkLost,
    LinkStalled,
    MalformedAnswer,
    NoAnswer,
)
from drivers.serial_link import SerialLink
from reflash_xmodem.settings import XmodemSettings

LONGEST_LINE = 1024


class Console:
    """One hub's console, as its link's listener. What comes while nobody asks is dropped."""

    def __init__(self, link: SerialLink, settings: XmodemSettings) -> None:
        self.link = link
        self.settings = settings
        self._tag = 0
        self._inbox: asyncio.Queue[bytes | DriverError] | None = None
        self._action = HubAction.WAIT
        self._writes = False
        link.start(self)

    @property
    def place(self) -> str:
        return self.link.path

    async def ask(
        self,
        question: str,
        action: HubAction,
        *,
        seconds: float | None = None,
        attempts: int | None = None,
        writes: bool = False,
    ) -> dict[str, str]:
        """Ask a line and return its answer's fields.

        What writes is asked once. Raises NoAnswer, HubRefused, MalformedAnswer, LinkLost and LinkStalled.
        """
        seconds = seconds or self.settings.answer_seconds
        attempts = attempts or (1 if writes else self.settings.attempts)
        tags = set()
        with self.listening(action, writes=writes):
            for _ in range(attempts):
                self._tag += 1
                tags.add(str(self._tag))
                self.link.write(f"?{self._tag} {question}\n".encode())
                answer = await self._answer(tags, seconds)
                if answer is not None:
                    return self._fields(answer)
        raise NoAnswer(
            f"the hub at {self.place} did not answer {attempts} times in {seconds:g} s: seat it anew",
            action=action,
            state_known=not writes,
        )

    @contextmanager
    def listening(self, action: HubAction, *, writes: bool) -> Generator[None]:
        """Take in what comes, while inside. Raises LinkLost when the port is gone already."""
        if self.link.loss is not None:
            raise self._lost(self.link.loss, action, known=True)
        self._inbox, self._action, self._writes = asyncio.Queue(), action, writes
        try:
            yield
        finally:
            self._inbox = None

    async def heard(self, seconds: float) -> bytes:
        """Return the next bytes; none once it was silent for `seconds`. Raises LinkLost and LinkStalled."""
        assert self._inbox is not None, "asked outside of `listening`"
        try:
            async with asyncio.timeout(seconds):
                item = await self._inbox.get()
        except TimeoutError:
            return b""
        if isinstance(item, DriverError):
            raise item
        return item

    async def close(self) -> None:
        await self.link.close()

    def received(self, data: bytes) -> None:
        if self._inbox is not None:
            self._inbox.put_nowait(data)

    def link_stalled(self, why: str) -> None:
        if self._inbox is not None:
            stalled = LinkStalled(f"{why}: check the seat", action=self._action, state_known=not self._writes)
            self._inbox.put_nowait(stalled)

    def link_lost(self, why: str) -> None:
        if self._inbox is not None:
            self._inbox.put_nowait(self._lost(why, self._action, known=not self._writes))

    async def _answer(self, tags: set[str], seconds: float) -> str | None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        line = b""
        while (left := deadline - loop.time()) > 0:
            *whole, line = (line + await self.heard(left)).split(b"\n")
            for text in (part.decode("ascii", "replace") for part in whole):
                tag, _, answer = text.partition("!")[2].partition(" ")
                if tag in tags:
                    return answer.strip()
            line = line[-LONGEST_LINE:]
        return None

    def _fields(self, answer: str) -> dict[str, str]:
        verdict, *words = answer.split()
        if verdict == "no":
            reason = " ".join(words)
            raise HubRefused(
                f"the hub at {self.place} refused to {self._action}",
                action=self._action,
                state_known=True,
                device_code=reason,
            )
        if verdict != "ok" or any("=" not in word for word in words):
            raise self.malformed(answer)
        return dict(word.split("=", 1) for word in words)

    def malformed(self, answer: str) -> MalformedAnswer:
        """Return the error for an answer that makes no sense."""
        what = f"the hub at {self.place} answered {answer[:60]!r}: check that the jig has the right driver"
        return MalformedAnswer(what, action=self._action, state_known=not self._writes)

    def _lost(self, why: str, action: HubAction, *, known: bool) -> LinkLost:
        return LinkLost(f"{self.place} is gone ({why}): check its cable", action=action, state_known=known)
