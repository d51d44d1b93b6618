"""The hub's SMP server: what a running application, and its boot loader's recovery, answer.

Commands and their maps: Zephyr's `doc/services/device_mgmt/smp_groups/`, groups 0 and 1. Group 64 is the open
stand-in for the makers' unpublished commands: identity, challenge, unlock.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import Any, Final, Protocol

from simulators.faults import FaultName, Occasion
from simulators.hub import Hub, Locked
from simulators.image import find_image
from simulators.lock import LockedOut, NoChallenge, WrongAnswer
from simulators.slots import Chunk, ImageError, ImageRefused, SlotReport, Taken
from simulators.smp_line import BufferProfile
from simulators.smp_message import (
    HUB_GROUP,
    IMAGE_GROUP,
    OS_GROUP,
    GroupRefused,
    ManagementError,
    Refused,
    Request,
)

_SWAP_WITH_SCRATCH = 1
"""MCUboot's mode, as `bootloader info` tells it."""


class HubError(IntEnum):
    """Errors of group 64."""

    WRONG_ANSWER = 2
    NO_CHALLENGE = 3
    LOCKED_OUT = 4


_IMAGE_ERRORS_V1: Final = {
    ImageError.NO_FREE_SLOT: ManagementError.BAD_STATE,
    ImageError.CURRENT_VERSION_IS_NEWER: ManagementError.BAD_STATE,
    ImageError.IMAGE_ALREADY_PENDING: ManagementError.BAD_STATE,
    ImageError.INVALID_SLOT: ManagementError.INVALID,
    ImageError.INVALID_OFFSET: ManagementError.INVALID,
    ImageError.INVALID_LENGTH: ManagementError.INVALID,
    ImageError.INVALID_IMAGE_HEADER: ManagementError.INVALID,
    ImageError.INVALID_HASH: ManagementError.INVALID,
}
"""How Zephyr translates image errors for version 1; the others become UNKNOWN (`img_mgmt_translate_error_code`)."""

_REASONS: Final = {
    ImageError.NO_FREE_SLOT: "no slot",
    ImageError.FLASH_ERASE_FAILED: "fa erase fail",
    ImageError.FLASH_WRITE_FAILED: "fa write fail",
    ImageError.INVALID_IMAGE_HEADER: "header malformed",
    ImageError.INVALID_IMAGE_HEADER_MAGIC: "magic mismatch",
    ImageError.CURRENT_VERSION_IS_NEWER: "downgrade",
    ImageError.INVALID_IMAGE_TOO_LARGE: "img too large",
    ImageError.INVALID_IMAGE_DATA_OVERRUN: "data overrun",
}
"""What Zephyr says of a refused upload in words (`img_mgmt.c`)."""

Body = dict[str, Any]


class Server(Protocol):
    """Answers requests, one at a time."""

    reset_wanted: bool

    def occasion(self, request: Request, /) -> Occasion:
        """Which of the occasions that faults wait for this request is."""
        ...

    async def answer(self, request: Request) -> Body:
        """Return the answer's map. Raises Refused or GroupRefused."""
        ...


def _optional(body: Body, key: str, kind: type[Any], default: Any) -> Any:
    """Return a field of the request. Raises Refused when it is there and of another kind."""
    value = body.get(key, default)
    if value is not default and type(value) is not kind:
        raise Refused(ManagementError.INVALID)
    return value


def _read_chunk(body: Body) -> Chunk:
    """Read an upload request. Raises Refused or ImageRefused."""
    offset = _optional(body, "off", int, None)
    if offset is None or offset < 0:
        raise ImageRefused(ImageError.INVALID_OFFSET)
    return Chunk(
        offset=offset,
        data=_optional(body, "data", bytes, b""),
        length=_optional(body, "len", int, None),
        sha=_optional(body, "sha", bytes, b""),
        upgrade=_optional(body, "upgrade", bool, False),
    )


def _taken(taken: Taken) -> Body:
    if taken.matches is None:
        return {"off": taken.offset}
    return {"off": taken.offset, "match": taken.matches}


def _slot(report: SlotReport) -> Body:
    return {
        "slot": report.slot,
        "version": report.version,
        "hash": report.image_hash,
        "bootable": report.bootable,
        "pending": report.pending,
        "confirmed": report.confirmed,
        "active": report.active,
        "permanent": report.permanent,
    }


def _frugal(slot: Body) -> Body:
    """Leave out the flags that are false."""
    return {key: value for key, value in slot.items() if value is not False}


def _echo(body: Body) -> Body:
    return {"r": _optional(body, "d", str, "")}


def _image_refused(error: ImageRefused, reason: str | None) -> GroupRefused:
    legacy = _IMAGE_ERRORS_V1.get(error.code, ManagementError.UNKNOWN)
    return GroupRefused(IMAGE_GROUP, error.code, legacy, reason)


class ApplicationServer:
    """What the running application answers."""

    def __init__(self, hub: Hub, profile: BufferProfile) -> None:
        self.reset_wanted = False
        self._hub = hub
        self._profile = profile
        self._commands: dict[tuple[int, int, bool], Callable[[Body], Awaitable[Body]]] = {
            (OS_GROUP, 0, False): self._echo,
            (OS_GROUP, 0, True): self._echo,
            (OS_GROUP, 5, True): self._reset,
            (OS_GROUP, 6, False): self._parameters,
            (IMAGE_GROUP, 0, False): self._read_state,
            (IMAGE_GROUP, 0, True): self._write_state,
            (IMAGE_GROUP, 1, True): self._upload,
            (IMAGE_GROUP, 5, True): self._erase,
            (HUB_GROUP, 0, False): self._identity,
            (HUB_GROUP, 1, False): self._challenge,
            (HUB_GROUP, 1, True): self._unlock,
        }
        if profile.tells_boot_loader:
            self._commands[OS_GROUP, 8, False] = self._boot_loader
        self._occasions = {
            (OS_GROUP, 5, True): Occasion.RESET,
            (IMAGE_GROUP, 0, False): Occasion.STATE,
            (IMAGE_GROUP, 1, True): Occasion.UPLOAD,
            (IMAGE_GROUP, 5, True): Occasion.ERASE,
            (HUB_GROUP, 0, False): Occasion.IDENTITY,
            (HUB_GROUP, 1, False): Occasion.CHALLENGE,
            (HUB_GROUP, 1, True): Occasion.UNLOCK,
        }

    def occasion(self, request: Request) -> Occasion:
        """Which of the occasions that faults wait for this request is."""
        if request.key == (IMAGE_GROUP, 0, True):
            return Occasion.CONFIRM if request.body.get("confirm") else Occasion.MARK
        return self._occasions.get(request.key, Occasion.OTHER)

    async def answer(self, request: Request) -> Body:
        """Return the answer's map. Raises Refused or GroupRefused."""
        command = self._commands.get(request.key)
        if command is None:
            raise Refused(ManagementError.NOT_SUPPORTED)
        try:
            return await command(request.body)
        except Locked as error:
            raise Refused(ManagementError.ACCESS_DENIED) from error
        except ImageRefused as error:
            tells = self._profile.tells_reasons and request.key == (IMAGE_GROUP, 1, True)
            raise _image_refused(error, _REASONS.get(error.code) if tells else None) from error

    async def _echo(self, body: Body) -> Body:
        return _echo(body)

    async def _reset(self, _: Body) -> Body:
        self._hub.note_deed("reset")
        self.reset_wanted = True
        return {}

    async def _parameters(self, _: Body) -> Body:
        return {"buf_size": self._profile.buf_size, "buf_count": self._profile.buf_count}

    async def _boot_loader(self, body: Body) -> Body:
        match _optional(body, "query", str, None):
            case None:
                return {"bootloader": "MCUboot"}
            case "mode":
                return {"mode": _SWAP_WITH_SCRATCH}
            case _:
                # QUERY_YIELDS_NO_ANSWER
                raise GroupRefused(OS_GROUP, 3, ManagementError.UNKNOWN)

    async def _read_state(self, _: Body) -> Body:
        slots = [_slot(report) for report in self._hub.report_slots()]
        if self._profile.lists_frugally:
            return {"images": [_frugal(slot) for slot in slots]}
        return {"images": slots, "splitStatus": 0}

    async def _write_state(self, body: Body) -> Body:
        image_hash = _optional(body, "hash", bytes, None)
        confirm = _optional(body, "confirm", bool, False)
        if image_hash is None and not confirm:
            raise ImageRefused(ImageError.INVALID_HASH)
        if confirm and (image_hash is None or self._hub.slots.is_running(image_hash)):
            await self._hub.confirm()
        else:
            await self._hub.mark(image_hash, permanent=confirm)
        return await self._read_state({})

    async def _upload(self, body: Body) -> Body:
        answer = _taken(await self._hub.take_chunk(_read_chunk(body)))
        faults = self._hub.faults
        if not self._profile.checks_uploads:
            answer.pop("match", None)
        if "match" in answer and faults.strike(FaultName.LYING_MATCH, Occasion.UPLOAD):
            answer["match"] = False
        if faults.strike(FaultName.WRONG_OFFSET, Occasion.UPLOAD, answer["off"]):
            answer["off"] = faults.source.randrange(answer["off"] + 1)
        return answer

    async def _erase(self, body: Body) -> Body:
        slot = _optional(body, "slot", int, 1)
        if slot < 0:
            raise Refused(ManagementError.INVALID)  # no number that Zephyr reads there
        await self._hub.erase(slot)
        return {}

    async def _identity(self, _: Body) -> Body:
        plate = self._hub.nameplate
        ids = (
            {"chf": plate.chf, "gpf": plate.gpf, "variant": plate.variant}
            if plate.bridge_type is None
            else {"device": plate.chf, "bridge": plate.bridge_type}
        )
        return {
            **ids,
            "manufacturer": plate.manufacturer,
            "model": plate.model,
            "hw": plate.hardware_version,
            "fw": self._hub.firmware_version(),
            "locked": not self._hub.lock.is_open,
            "boots": self._hub.boots,
        }

    async def _challenge(self, _: Body) -> Body:
        try:
            plate = self._hub.nameplate
            whose = "chf" if plate.bridge_type is None else "device"
            return {whose: plate.chf, "nonce": self._hub.challenge()}
        except LockedOut as error:
            raise GroupRefused(HUB_GROUP, HubError.LOCKED_OUT, ManagementError.BUSY) from error

    async def _unlock(self, body: Body) -> Body:
        try:
            self._hub.unlock(_optional(body, "sig", bytes, b""))
        except WrongAnswer as error:
            raise GroupRefused(HUB_GROUP, HubError.WRONG_ANSWER, ManagementError.ACCESS_DENIED) from error
        except NoChallenge as error:
            raise GroupRefused(HUB_GROUP, HubError.NO_CHALLENGE, ManagementError.BAD_STATE) from error
        except LockedOut as error:
            raise GroupRefused(HUB_GROUP, HubError.LOCKED_OUT, ManagementError.BUSY) from error
        return {"rc": 0}


class RecoveryServer:
    """What MCUboot's serial recovery answers: echo, reset, the slots without flags, upload to the running slot.

    There is no lock, no group 64, and errors have one form only (`docs/serial_recovery.md`).
    """

    def __init__(self, hub: Hub) -> None:
        self.reset_wanted = False
        self._hub = hub
        self._uploading = hub.recovery_upload()

    def occasion(self, _: Request) -> Occasion:
        """Recovery has no occasions of its own."""
        return Occasion.OTHER

    async def answer(self, request: Request) -> Body:
        """Return the answer's map. Raises Refused."""
        match request.key:
            case (0, 0, _):
                return _echo(request.body)
            case (0, 5, True):
                self.reset_wanted = True
                return {"rc": 0}
            case (1, 0, False):
                return self._read_state()
            case (1, 1, True):
                return await self._upload(request.body)
            case _:
                raise Refused(ManagementError.NOT_SUPPORTED)

    def _read_state(self) -> Body:
        areas = (self._hub.layout.primary, self._hub.layout.secondary)
        images = ((number, find_image(area)) for number, area in enumerate(areas))
        return {
            "images": [
                {"slot": number, "version": image.version_text, "hash": image.image_hash}
                for number, image in images
                if image is not None
            ]
        }

    async def _upload(self, body: Body) -> Body:
        try:
            taken = await self._uploading.take(_read_chunk(body))
        except ImageRefused as error:
            raise Refused(ManagementError.INVALID) from error
        return {"rc": 0, "off": taken.offset}
