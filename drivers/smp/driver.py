"""A Communications Hub at a serial port: the standard SMP groups, plus the hub's own commands (group 64)."""

from __future__ import annotations

import asyncio
from typing import Final, NoReturn

from drivers.errors import (
    HubAction,
    HubInSerialRecovery,
    HubLocked,
    HubRefused,
    MalformedAnswer,
    NoAnswer,
    after_a_change,
)
from drivers.hub import (
    DeviceIdentity,
    ExpectedDevice,
    HubState,
    LineCount,
    ProgressListener,
    UnlockAuthority,
)
from drivers.hub_answers import ChallengeAnswer, Done, IdentityAnswer
from drivers.smp.device import SILENT, McubootDevice, Requirement
from drivers.smp.errors import NoApplicationGroup, SmpRefused
from drivers.smp.messages import ChallengeRead, IdentityRead, UnlockWrite
from drivers.smp.other_framing import wrong_framing
from drivers.unlocking import answer_refusal, challenge_refusal, require_same_boot, sign
from firmware_catalog.image import FirmwareImage

_QUESTIONS_WHILE_IT_BOOTS: Final = 5
"""In one look: a hub that is up hears the next one, and its cycle does not wait for the rest of a long look."""


class SmpHubDriver:
    """The `HubDriver` for SMP over serial. Its `device` is the same port without the hub's own commands."""

    def __init__(self, device: McubootDevice) -> None:
        self.device = device
        self._client = device.client
        self._settings = device.client.settings

    @property
    def place(self) -> str:
        """The port, as configured."""
        return self.device.place

    @property
    def can_revert(self) -> bool:
        """Whether the boot loader swaps and reverts, as configured for the model."""
        return self._settings.can_revert

    async def wait_for_hub(self) -> DeviceIdentity:
        """Return as soon as a hub answers. Raises LinkLost, HubInSerialRecovery and NoApplicationGroup."""
        while True:
            self._client.expect_another_hub()
            identity = await self._look(HubAction.WAIT)
            if identity is not None:
                return identity

    async def wait_for_removal(self, hub: DeviceIdentity | None) -> None:
        """Return once `hub` is gone: silent for the configured time, replaced, or booted again since."""
        loop = asyncio.get_running_loop()
        heard = loop.time()
        # One that misheard a question answers the next one only after a silence.
        gone = max(self._settings.removal_seconds, 2 * self._settings.silence_seconds)
        while loop.time() - heard < gone:
            try:
                seen = await self._ask_identity(
                    HubAction.WAIT, seconds=self._settings.probe_seconds, attempts=1
                )
            except SILENT:
                # A boot loader may keep silent on the hub's own commands.
                if not await self.device.answers(HubAction.WAIT):
                    continue
            except (HubRefused, MalformedAnswer):
                pass
            else:
                if hub is None or seen.device != hub.device or seen.boots != hub.boots:
                    return
            heard = loop.time()
            await asyncio.sleep(self._settings.probe_seconds)

    async def identify(self) -> DeviceIdentity:
        """Ask who the hub is. Raises HubInSerialRecovery and NoApplicationGroup for what cannot say."""
        return await self._identify(HubAction.IDENTIFY)

    async def state(self) -> HubState:
        """Ask what the image slots hold."""
        return await self.device.state()

    async def unlock(self, hub: ExpectedDevice, authority: UnlockAuthority) -> None:
        """Have one fresh challenge signed and answer it; does nothing to a hub that is open already."""
        asked = await self._require(hub, HubAction.UNLOCK)
        if not asked.locked:
            return
        try:
            # Each challenge voids the one before: a signature over that one would count as a wrong answer.
            challenge = await self._client.ask(
                ChallengeRead, ChallengeAnswer, action=HubAction.UNLOCK, latest_only=True
            )
        except SmpRefused as refused:
            raise challenge_refusal(hub, self.place, refused, refused.code) from refused
        signature = await sign(hub, challenge, authority, self.place)
        require_same_boot(asked, await self._require(hub, HubAction.UNLOCK), self.place)
        try:
            await self._client.ask(UnlockWrite, Done, action=HubAction.UNLOCK, fields={"sig": signature})
        except SmpRefused as refused:
            raise answer_refusal(hub, self.place, refused, refused.code) from refused
        except HubLocked as refused:
            raise answer_refusal(hub, self.place, refused, None) from refused

    async def flash(self, hub: ExpectedDevice, image: FirmwareImage, on_progress: ProgressListener) -> None:
        """Write the image to the slot that is not running."""

        def hold(seen: DeviceIdentity) -> None:
            hub.require(seen, place=self.place, action=HubAction.FLASH)
            if seen.locked:
                raise HubLocked(
                    f"the hub at {self.place} is locked",
                    action=HubAction.FLASH,
                    state_known=True,
                    advice="unlock it before flashing",
                )

        async def require() -> None:
            hold(await self._require(hub, HubAction.FLASH))

        async def is_there() -> bool:
            seen = await self._look(HubAction.FLASH)
            if seen is not None:
                hold(seen)
            return seen is not None

        await self.device.upload(image, on_progress, require, is_there)

    async def activate(self, hub: ExpectedDevice, image: FirmwareImage) -> DeviceIdentity:
        """Mark the held image for one test boot, boot the hub, and return who came back."""
        before, state = await self._look_inside(hub, HubAction.ACTIVATE)
        if state.running is not None and state.running.image_hash == image.image_hash:
            return before
        await self.device.mark_for_test(image, state, self._requirement(hub, HubAction.ACTIVATE))
        with after_a_change():
            return await self._boot(before, HubAction.ACTIVATE)

    async def verify(self, hub: ExpectedDevice, image: FirmwareImage) -> HubState:
        """Return the state if the running image is this one by version and hash."""
        _, state = await self._look_inside(hub, HubAction.VERIFY)
        self.device.require_running(image, state, HubAction.VERIFY)
        return state

    async def confirm(self, hub: ExpectedDevice, image: FirmwareImage) -> HubState:
        """Make the running image permanent, if it is this one."""
        _, state = await self._look_inside(hub, HubAction.CONFIRM)
        return await self.device.confirm(image, state, self._requirement(hub, HubAction.CONFIRM))

    async def reboot(self, hub: ExpectedDevice) -> DeviceIdentity:
        """Boot the hub and return who came back."""
        return await self._boot(await self._require(hub, HubAction.REBOOT), HubAction.REBOOT)

    async def until_lost(self) -> NoReturn:
        """Wait for the port to go."""
        await self._client.until_lost()

    @property
    def line(self) -> LineCount:
        """What the port carried so far."""
        client, settings = self._client, self._settings
        return LineCount(client.sent, client.sent_again, settings.baud, settings.framing, self.device.buffer)

    async def explain_silence(self) -> NoAnswer | None:
        """Say so if a hub answers in the other framing than is configured."""
        return await wrong_framing(self._client, HubAction.WAIT)

    async def leave_recovery(self) -> DeviceIdentity:
        """Boot a hub that waits in its boot loader, and return who came back."""
        action = HubAction.REBOOT
        try:
            return await self._identify(action)
        except HubInSerialRecovery:
            return await self.device.boot(action, lambda: self._look(action), lambda _: True)

    async def erase(self, hub: ExpectedDevice) -> None:
        """Erase the slot that is not running."""
        await self._require(hub, HubAction.ERASE)
        await self.device.erase(self._requirement(hub, HubAction.ERASE))

    async def close(self) -> None:
        """Give the port back."""
        await self.device.close()

    async def _boot(self, before: DeviceIdentity, action: HubAction) -> DeviceIdentity:
        def has_booted(hub: DeviceIdentity) -> bool:
            return hub.device != before.device or hub.boots != before.boots

        after: DeviceIdentity = await self.device.boot(
            action,
            lambda: self._look(action, _QUESTIONS_WHILE_IT_BOOTS),
            has_booted,
        )
        before.device.require(after, place=self.place, action=action, state_known=False)
        return after

    async def _require(self, hub: ExpectedDevice, action: HubAction) -> DeviceIdentity:
        """Ask who is there, and return it if it is the hub that is meant. Raises AnotherHub.

        An answer that was long in coming may be of a hub that has left since, so it is asked for again.
        """
        loop = asyncio.get_running_loop()
        for _ in range(self._settings.attempts):
            asked = loop.time()
            seen = await self._identify(action)
            hub.require(seen, place=self.place, action=action)
            if loop.time() - asked < self._settings.answer_seconds:
                break
        return seen

    def _requirement(self, hub: ExpectedDevice, action: HubAction) -> Requirement:
        return lambda: self._require(hub, action)

    async def _look_inside(self, hub: ExpectedDevice, action: HubAction) -> tuple[DeviceIdentity, HubState]:
        """Return who is there and what it holds, both from between the same two boots of the hub that is meant."""
        before = await self._require(hub, action)
        for _ in range(self._settings.attempts):
            state = await self.device.state(action)
            after = await self._require(hub, action)
            if after.boots == before.boots:
                return after, state
            before = after
        raise NoAnswer(
            f"the hub at {self.place} boots again and again",
            action=action,
            state_known=True,
            advice="check its supply",
        )

    async def _look(self, action: HubAction, questions: int = 1) -> DeviceIdentity | None:
        """Return who is there, or None while nothing answers: to one question, or to several in the same time."""
        seconds = self._settings.probe_seconds / questions
        try:
            return await self._ask_identity(action, seconds=seconds, attempts=questions)
        except SILENT:
            if not await self.device.answers(action, questions):
                return None
        except SmpRefused as refused:
            if refused.code.says_no_buffer:
                await asyncio.sleep(self._settings.probe_seconds)
                return None  # it is there, and too busy to say who it is
            if not refused.code.says_unsupported:
                raise
        # It answers image commands: it has come up only just, or it is no running hub.
        try:
            return await self._identify(action)
        except SILENT:
            return None

    async def _identify(self, action: HubAction) -> DeviceIdentity:
        # A hub that was busy with its flash may have missed the first round of questions.
        for _ in range(2):
            try:
                return await self._ask_identity(action)
            except NoAnswer:
                if not await self.device.answers(action):
                    raise
            except SmpRefused as refused:
                if not refused.code.says_unsupported:
                    raise
                break
        await self.device.require_application(action)
        raise NoApplicationGroup(
            f"the device at {self.place} is no Communications Hub, it lacks the hub commands (SMP group 64)",
            action=action,
            state_known=True,
        )

    async def _ask_identity(
        self, action: HubAction, *, seconds: float | None = None, attempts: int | None = None
    ) -> DeviceIdentity:
        answer = await self._client.ask(
            IdentityRead, IdentityAnswer, action=action, seconds=seconds, attempts=attempts
        )
        return answer.identity()
