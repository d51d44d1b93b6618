"""What can go wrong between the station and a hub. Errors carry facts; what to do about them is the station's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum


class HubAction(StrEnum):
    """What the driver was doing for its caller."""

    OPEN = "open"
    WAIT = "wait"
    IDENTIFY = "identify"
    STATE = "state"
    UNLOCK = "unlock"
    FLASH = "flash"
    ACTIVATE = "activate"
    VERIFY = "verify"
    CONFIRM = "confirm"
    REBOOT = "reboot"
    ERASE = "erase"


class DriverError(Exception):
    """A driver could not do what it was asked.

    `happened` says what did, and where (` at ` the place), `advice` what a person may do about it, and `what` is both in one
    line. A slot's line tells of it what happened, and has advice of its own. `state_known` says whether the hub is
    certainly as it was before the call. Where it is False the hub has to be probed. `device_code` is the hub's own code in the driver's notation (`group 1 rc 23`, `errADDRESS`).
    """

    def __init__(
        self,
        happened: str,
        *,
        action: HubAction,
        state_known: bool,
        device_code: str | None = None,
        advice: str | None = None,
        besides: str | None = None,
    ) -> None:
        self.what = f"{happened}: {advice}" if advice else happened
        if besides:
            self.what += f"; {besides}"
        super().__init__(self.what)
        self.happened = happened
        self.advice = advice
        self.action = action
        self.state_known = state_known
        self.device_code = device_code

    @property
    def fact(self) -> str:
        """What happened, with the hub's own code, and without what to do about it."""
        return self.happened if self.device_code is None else f"{self.happened} ({self.device_code})"

    def __str__(self) -> str:
        return self.fact + self.what.removeprefix(self.happened)


class PlaceUnavailable(DriverError):
    """The port or USB place cannot be taken: absent, held by another program, or not permitted."""


class LinkLost(DriverError):
    """The port vanished or failed under an open driver. Says nothing of the hub."""


class LinkStalled(DriverError):
    """The port takes no more bytes: its peer stopped reading."""


class NoAnswer(DriverError):
    """The hub did not answer within the deadline."""


class MalformedAnswer(DriverError):
    """The hub answered something that its protocol does not allow."""


class NotAHub(MalformedAnswer):
    """What sits at the place is no hub, or none that any station could work on: not a matter of trying again."""


class HubRefused(DriverError):
    """The hub understood and said no. `device_code` says why, in its own words."""


class ApplicationUnknown(HubRefused):
    """What answers may be an application or its boot loader: it refuses all that would tell them apart."""


class HubLocked(HubRefused):
    """The hub refused because its lock is closed."""


class UnlockRefused(HubRefused):
    """The hub did not accept the answer to its challenge. It counts such answers."""


class ChallengeVoid(HubRefused):
    """The hub's challenge is no longer good, so an answer to it was judged neither right nor wrong, or never given."""


class HubLockedOut(HubRefused):
    """The hub refuses challenges after too many wrong answers."""


class UploadRejected(HubRefused):
    """The hub refused the image or a part of it: too large, not newer, flash fault."""


class ImageUnsuitable(UploadRejected):
    """The hub will take this image never, and in no slot: too large for it, made for another device, not newer."""


class TransferIncomplete(DriverError):
    """The hub took the bytes but reports another content than was sent."""


class HubDidNotReturn(DriverError):
    """The hub was told to boot and did not answer again in time."""


class AnotherHub(DriverError):
    """The hub that answers is not the one the work was begun on."""


class ImageMismatch(DriverError):
    """The running image is not the expected one, by version or by hash."""


class HubInSerialRecovery(DriverError):
    """The hub waits in its boot loader; an upload there would overwrite the running slot."""


class StuckProgress(DriverError):
    """The hub answers but its upload offset no longer moves."""


class UnlockAuthorityFailed(DriverError):
    """The signature could not be had: key, HSM or token. Says nothing of the hub."""


@contextmanager
def after_a_change() -> Iterator[None]:
    """The call has written to the hub by now: whatever fails from here on, the hub is not as it was."""
    try:
        yield
    except DriverError as error:
        error.state_known = False
        raise
