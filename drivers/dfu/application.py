"""The hub's own commands as USB vendor requests, with the CBOR maps that SMP's group 64 and image group have.

Vendor request 64 to the device carries a command, its number in wValue. Read (IN), the answer comes at once.
Written (OUT), the command is only begun; vendor request 65 (IN) fetches its answer, which is `{"rc": 10}`, busy,
until there is one. Commands: 0 identity, 1 challenge and unlock, 2 image state (written: mark or confirm), 3 erase.
An open stand-in for the makers' own commands, which are unpublished.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import cbor2
from pydantic import BaseModel
from smp.error import MGMT_ERR

from drivers.dfu.errors import RequestStalled
from drivers.dfu.transfers import ControlPipe
from drivers.dfu.work import Work
from drivers.errors import HubAction, HubLocked, HubRefused, MalformedAnswer
from drivers.hub import DeviceIdentity, HubState
from drivers.hub_answers import (
    ChallengeAnswer,
    DeviceCode,
    Done,
    IdentityAnswer,
    MalformedPayload,
    StateAnswer,
    code_in,
    read_payload,
    validate,
)

COMMAND: Final = 64
FETCH_ANSWER: Final = 65
_IDENTITY: Final = 0
_LOCK: Final = 1
_STATE: Final = 2
_ERASE: Final = 3
_LONGEST_ANSWER: Final = 4096
_BUSY: Final = DeviceCode(None, MGMT_ERR.EBUSY)
_BUSY_PAUSE: Final = 0.02
"""Seconds between two looks for an answer: flash takes tens of milliseconds."""

Answer = TypeVar("Answer", bound=BaseModel)


class NoHubCommands(HubRefused):
    """The device has no hub commands: it is a plain DFU device."""


class CommandRefused(HubRefused):
    """The hub answered a command with an error; `code` holds it in its parts."""

    def __init__(self, what: str, *, action: HubAction, code: DeviceCode) -> None:
        super().__init__(what, action=action, state_known=True, device_code=str(code))
        self.code = code


class HubCommands:
    """Puts the commands to one open device. Blocks.

    Every command raises NoHubCommands, CommandRefused, HubLocked and MalformedAnswer, and what `ControlPipe` raises.
    """

    def __init__(self, pipe: ControlPipe) -> None:
        self._pipe = pipe

    def identity(self, work: Work) -> DeviceIdentity:
        """Ask who the hub is."""
        return self._read(_IDENTITY, IdentityAnswer, work).identity()

    def challenge(self, work: Work) -> ChallengeAnswer:
        """Ask for a fresh challenge."""
        return self._read(_LOCK, ChallengeAnswer, work)

    def unlock(self, signature: bytes, work: Work) -> None:
        """Answer the last challenge."""
        self._write(_LOCK, {"sig": signature}, work)

    def state(self, work: Work) -> HubState:
        """Ask what the image slots hold."""
        return self._read(_STATE, StateAnswer, work).state()

    def mark_for_test(self, image_hash: bytes, work: Work) -> None:
        """Have the next boot try the held image once."""
        self._write(_STATE, {"hash": image_hash, "confirm": False}, work)

    def confirm(self, image_hash: bytes, work: Work) -> None:
        """Keep the running image, which is this one."""
        self._write(_STATE, {"hash": image_hash, "confirm": True}, work)

    def erase(self, work: Work) -> None:
        """Erase the slot that is not running."""
        self._write(_ERASE, {}, work)

    def _read(self, command: int, answer: type[Answer], work: Work) -> Answer:
        try:
            raw = self._pipe.vendor_in(COMMAND, command, _LONGEST_ANSWER, work)
        except RequestStalled as stalled:
            raise _no_commands(work) from stalled
        return self._understand(raw, answer, work)

    def _write(self, command: int, fields: dict[str, Any], work: Work) -> None:
        try:
            self._pipe.vendor_out(COMMAND, command, cbor2.dumps(fields, canonical=True), work)
            while True:
                raw = self._pipe.vendor_in(FETCH_ANSWER, command, _LONGEST_ANSWER, work)
                try:
                    self._understand(raw, Done, work)
                except CommandRefused as refused:
                    if refused.code != _BUSY:
                        raise
                else:
                    return
                work.pause(_BUSY_PAUSE)
        except RequestStalled as stalled:
            raise _no_commands(work) from stalled

    def _understand(self, raw: bytes, answer: type[Answer], work: Work) -> Answer:
        try:
            fields = read_payload(raw)
            code = code_in(fields)
            if code is None:
                return validate(answer, fields)
        except MalformedPayload as error:
            raise MalformedAnswer(
                f"the hub at {work.place} answered what its commands do not allow, {error}",
                action=work.action,
                state_known=not work.writes,
            ) from error
        if code.says_denied:
            raise HubLocked(
                f"the hub at {work.place} is locked",
                action=work.action,
                state_known=True,
                device_code=str(code),
                advice="unlock it first",
            )
        raise CommandRefused(
            f"the hub at {work.place} refused to {work.action}", action=work.action, code=code
        )


def _no_commands(work: Work) -> NoHubCommands:
    return NoHubCommands(
        f"the device at {work.place} is no Communications Hub, it lacks the hub commands (vendor request {COMMAND})",
        action=work.action,
        state_known=True,
    )
