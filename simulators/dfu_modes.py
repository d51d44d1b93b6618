"""A hub's two faces on USB: its application, which can be told to detach, and DFU mode, which takes firmware.

USB DFU 1.1, appendix A, is the state machine.
"""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, IntEnum, auto
from typing import Final

from simulators.dfu_download import DfuStatus, Download, DownloadRefused
from simulators.dfu_profile import LOCKED_STRING, DfuProfile, describe
from simulators.faults import Fault, FaultName, Occasion, SlotFaults
from simulators.flash import FlashArea
from simulators.hub import Hub, Mode
from simulators.hub_requests import HubRequests, Job
from simulators.image import find_image
from simulators.slots import ImageRefused
from simulators.usbip.device import Descriptors, Transfer

_INTERFACE_REQUEST: Final = 0x21
"""Class request to an interface, direction aside."""
_DEVICE_REQUEST: Final = 0x40
"""Vendor request to the device, direction aside."""


class DfuRequest(IntEnum):
    """DFU 1.1, table 3.2."""

    DETACH = 0
    DNLOAD = 1
    UPLOAD = 2
    GETSTATUS = 3
    CLRSTATUS = 4
    GETSTATE = 5
    ABORT = 6


class DfuState(IntEnum):
    """DFU 1.1, 6.1.2."""

    APP_IDLE = 0
    APP_DETACH = 1
    IDLE = 2
    DNLOAD_SYNC = 3
    DNBUSY = 4
    DNLOAD_IDLE = 5
    MANIFEST_SYNC = 6
    MANIFEST = 7
    MANIFEST_WAIT_RESET = 8
    UPLOAD_IDLE = 9
    ERROR = 10


_BUSY: Final = frozenset({DfuState.DNBUSY, DfuState.MANIFEST})
"""The states in which the host has to wait."""


class Turn(Enum):
    """What ends a mode's time on the bus."""

    OTHER_MODE = auto()
    BOOT = auto()


@dataclass(frozen=True, slots=True)
class ModeParts:
    """What a mode works with."""

    hub: Hub
    profile: DfuProfile
    faults: SlotFaults
    perform: Callable[[Fault], None]
    """Carries out a fault of hands, cables or supplies."""
    jobs: asyncio.Queue[Job | Turn]
    """What the hub's main loop is to do, in order."""


class DfuFace(ABC):
    """What both modes have in common: vendor requests, faults, and GETSTATUS's form."""

    def __init__(self, parts: ModeParts, state: DfuState, status: DfuStatus) -> None:
        self.state = state
        self.status = status
        self._hub = parts.hub
        self._profile = parts.profile
        self._faults = parts.faults
        self._perform = parts.perform
        self._jobs = parts.jobs
        self._loop = asyncio.get_running_loop()
        answers = parts.profile.hub_commands and parts.hub.mode is Mode.APPLICATION
        self._hub_requests = HubRequests(parts.hub, parts.jobs.put_nowait) if answers else None

    @property
    @abstractmethod
    def descriptors(self) -> Descriptors:
        """What the device says of itself in this mode."""

    @abstractmethod
    def bus_reset(self) -> None:
        """Learn that the host reset the port."""

    def control(self, transfer: Transfer) -> None:
        """Take a class or vendor request."""
        setup = transfer.setup
        is_class = setup.request_type & 0x7F == _INTERFACE_REQUEST and setup.index == 0
        vendor = self._hub_requests if setup.request_type & 0x7F == _DEVICE_REQUEST else None
        occasion, byte = self._occasion(transfer) if is_class else (Occasion.OTHER, None)
        if vendor is not None:
            occasion = vendor.occasion(setup)
        if self._faults.strike_physical(occasion, byte, self._perform):
            return
        if FaultName.NO_ANSWER in self._hub.traits or self._faults.strike(FaultName.LOSE_REQUEST, occasion):
            return
        transfer = self._with_faulty_answer(transfer, occasion)
        if vendor is not None:
            vendor.control(transfer)
        elif is_class:
            self._class_request(transfer)
        else:
            transfer.stall()

    def _with_faulty_answer(self, transfer: Transfer, occasion: Occasion) -> Transfer:
        """Return what is to be answered so that the answer is lost or late, where a fault wants it so."""
        if self._faults.strike(FaultName.DROP_REPLY, occasion):
            return transfer.ended_by(lambda *_: None)
        late = self._faults.strike(FaultName.DELAY_REPLY, occasion)
        if late is None:
            return transfer
        seconds = 1.0 if late.seconds is None else late.seconds

        def end(answered: Transfer, data: bytes | None) -> None:
            answered.is_over = True
            if data is None:
                self._loop.call_later(seconds, transfer.stall)
            else:
                self._loop.call_later(seconds, transfer.complete, data)

        return transfer.ended_by(end)

    def _occasion(self, _: Transfer) -> tuple[Occasion, int | None]:
        return Occasion.OTHER, None

    @abstractmethod
    def _class_request(self, transfer: Transfer) -> None:
        """Take a DFU request."""

    def _tell_status(self, transfer: Transfer, poll_seconds: float = 0.0, string: int = 0) -> None:
        milliseconds = math.ceil(poll_seconds * 1000)
        transfer.complete(bytes((self.status, *milliseconds.to_bytes(3, "little"), self.state, string)))


class ApplicationMode(DfuFace):
    """The application is on the bus, and can be told to go to DFU mode."""

    def __init__(self, parts: ModeParts) -> None:
        super().__init__(parts, DfuState.APP_IDLE, DfuStatus.OK)
        self._detach_until = 0.0

    @property
    def descriptors(self) -> Descriptors:
        """What the device says of itself in this mode."""
        return describe(self._profile, self._hub.nameplate.chf, dfu_mode=False)

    def bus_reset(self) -> None:
        """Go to DFU mode if a detachment awaits the reset."""
        self._expire()
        if self.state is DfuState.APP_DETACH:
            self._jobs.put_nowait(Turn.OTHER_MODE)

    def _expire(self) -> None:
        if self.state is DfuState.APP_DETACH and self._loop.time() > self._detach_until:
            self.state = DfuState.APP_IDLE

    def _class_request(self, transfer: Transfer) -> None:
        self._expire()
        match transfer.setup.request:
            case DfuRequest.DETACH if self.state is DfuState.APP_IDLE:
                self._hub.note_deed("reset")
                self.state = DfuState.APP_DETACH
                milliseconds = min(transfer.setup.value, self._profile.detach_milliseconds)
                self._detach_until = self._loop.time() + milliseconds / 1000
                transfer.complete()
                if self._profile.will_detach:
                    self._jobs.put_nowait(_let_the_answer_go)
                    self._jobs.put_nowait(Turn.OTHER_MODE)
            case DfuRequest.GETSTATUS:
                self._tell_status(transfer)
            case DfuRequest.GETSTATE:
                transfer.complete(bytes((self.state,)))
            case _:
                self.state = DfuState.APP_IDLE
                transfer.stall()


class DfuMode(DfuFace):
    """DFU mode: the hub is nothing but a place to put firmware, and its commands."""

    def __init__(self, parts: ModeParts) -> None:
        self._recovers = parts.hub.mode is Mode.RECOVERY
        if self._recovers:
            super().__init__(parts, DfuState.ERROR, DfuStatus.FIRMWARE)
        else:
            super().__init__(parts, DfuState.IDLE, DfuStatus.OK)
        self._string = 0
        self._download = Download(parts.hub, self._find_area)
        self._sent = 0
        self._is_working = False
        self._ready_at = 0.0
        self._work_seconds = 0.0
        self._held: Transfer | None = None
        self._patience_until = 0.0

    @property
    def descriptors(self) -> Descriptors:
        """What the device says of itself in this mode."""
        return describe(self._profile, self._hub.nameplate.chf, dfu_mode=True)

    def bus_reset(self) -> None:
        """Boot, which is how DFU mode is left."""
        self._jobs.put_nowait(Turn.BOOT)

    def _occasion(self, transfer: Transfer) -> tuple[Occasion, int | None]:
        if transfer.setup.request == DfuRequest.DNLOAD:
            return Occasion.UPLOAD, self._download.received
        return Occasion.OTHER, None

    def _class_request(self, transfer: Transfer) -> None:
        request = transfer.setup.request
        self._poll_time_over(transfer.at)
        match self.state, request:
            case _, DfuRequest.GETSTATE if self.state not in _BUSY:
                transfer.complete(bytes((self.state,)))
            case _, DfuRequest.GETSTATUS if self.state not in _BUSY:
                # Even while it waits for a reset: there are hosts that do not order it before they read of it.
                self._get_status(transfer)
            case (DfuState.IDLE | DfuState.DNLOAD_IDLE, DfuRequest.DNLOAD) if transfer.data:
                self._take_block(transfer)
            case DfuState.DNLOAD_IDLE, DfuRequest.DNLOAD:
                self._begin_manifestation(transfer)
            case (DfuState.IDLE | DfuState.UPLOAD_IDLE, DfuRequest.UPLOAD) if self._profile.can_upload:
                self._give_block(transfer)
            case DfuState.IDLE | DfuState.DNLOAD_IDLE | DfuState.UPLOAD_IDLE, DfuRequest.ABORT:
                self._become_idle()
                transfer.complete()
            case DfuState.ERROR, DfuRequest.CLRSTATUS:
                self._become_idle()
                transfer.complete()
            case ((DfuState.ERROR | DfuState.MANIFEST_WAIT_RESET), _):
                transfer.stall()
            case _:
                self._fail(DfuStatus.STALLED_PACKET)
                transfer.stall()

    def _poll_time_over(self, at: float) -> None:
        if at < self._patience_until:
            return
        if self.state is DfuState.DNBUSY:
            self.state = DfuState.DNLOAD_SYNC
        elif self.state is DfuState.MANIFEST:
            tolerant = self._profile.manifestation_tolerant
            self.state = DfuState.MANIFEST_SYNC if tolerant else DfuState.MANIFEST_WAIT_RESET

    def _get_status(self, transfer: Transfer) -> None:
        poll = 0.0
        if self.state in {DfuState.DNLOAD_SYNC, DfuState.MANIFEST_SYNC}:
            downloading = self.state is DfuState.DNLOAD_SYNC
            if transfer.at < self._ready_at:
                # The whole of it, as a hub does that knows its flash and keeps no clock.
                poll = self._work_seconds
                self._patience_until = transfer.at + poll
                self.state = DfuState.DNBUSY if downloading else DfuState.MANIFEST
            elif self._is_working:
                # The hub would be ready; only this machine's timers are late.
                self._held = transfer
                return
            elif downloading:
                self.state = DfuState.DNLOAD_IDLE
            elif self._profile.manifestation_tolerant:
                self.state = DfuState.IDLE
            else:
                # However late it is asked: its next state but one is the last that it can have (A.1, states 6 to 8).
                self._patience_until = transfer.at
                self.state = DfuState.MANIFEST
        self._tell_status(transfer, poll, self._string)

    def _take_block(self, transfer: Transfer) -> None:
        if self._is_locked():
            self._fail(DfuStatus.VENDOR, LOCKED_STRING)
            transfer.stall()
            return
        if self.state is DfuState.IDLE:
            self._download = Download(self._hub, self._find_area)
        data = transfer.data
        self.state = DfuState.DNLOAD_SYNC
        self._start_work(transfer, self._download.seconds(len(data)), lambda: self._download.take(data))
        transfer.complete()

    def _begin_manifestation(self, transfer: Transfer) -> None:
        self.state = DfuState.MANIFEST_SYNC
        self._start_work(transfer, self._profile.manifestation, self._manifest)
        transfer.complete()

    async def _manifest(self) -> None:
        image_hash = self._download.judge()
        await asyncio.sleep(self._profile.manifestation)
        if self._faults.strike(FaultName.LYING_MATCH, Occasion.UPLOAD):
            raise DownloadRefused(DfuStatus.VERIFY)
        marked_later = self._profile.hub_commands and self._profile.manifestation_tolerant
        if self._recovers or marked_later or self._hub.slots.is_running(image_hash):
            return
        try:
            await self._hub.slots.mark(image_hash, permanent=not self._profile.hub_commands)
        except ImageRefused as error:
            raise DownloadRefused(DfuStatus.UNKNOWN) from error

    def _give_block(self, transfer: Transfer) -> None:
        if self._is_locked():
            self._fail(DfuStatus.VENDOR, LOCKED_STRING)
            transfer.stall()
            return
        if self.state is DfuState.IDLE:
            self._sent = 0
        area = self._hub.layout.primary if self._recovers else self._hub.layout.secondary
        image = find_image(area)
        size = 0 if image is None else image.size
        data = area.read(self._sent, min(transfer.setup.length, size - self._sent))
        self._sent += len(data)
        self.state = DfuState.UPLOAD_IDLE if len(data) == transfer.setup.length else DfuState.IDLE
        transfer.complete(data)

    def _start_work(self, transfer: Transfer, seconds: float, work: Job) -> None:
        self._is_working = True
        self._work_seconds = seconds
        self._ready_at = transfer.at + seconds

        async def job() -> None:
            try:
                await work()
            except DownloadRefused as refused:
                self._fail(refused.status)
            finally:
                self._is_working = False
            held, self._held = self._held, None
            if held is not None:
                self._get_status(held)

        self._jobs.put_nowait(job)

    def _find_area(self) -> FlashArea:
        return self._hub.layout.primary if self._recovers else self._hub.slots.writable_area()

    def _is_locked(self) -> bool:
        return self._hub_requests is not None and not self._hub.lock.is_open

    def _become_idle(self) -> None:
        self.state, self.status, self._string = DfuState.IDLE, DfuStatus.OK, 0

    def _fail(self, status: DfuStatus, string: int = 0) -> None:
        self.state, self.status, self._string = DfuState.ERROR, status, string


async def _let_the_answer_go() -> None:
    """Stay on the bus until the host has its answer."""
    await asyncio.sleep(0.005)
