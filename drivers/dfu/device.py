"""One DFU device, open: DFU's requests put together into what a host wants of it. Blocks; for one thread.

Source: USB DFU 1.1, chapters 5 to 7 and appendix A.
"""

from __future__ import annotations

import errno
import time
from array import array
from collections.abc import Callable
from typing import Any, Final

import usb.core
import usb.util

from drivers.dfu.bus import Sighting
from drivers.dfu.errors import STATUS_FAULTS, RequestStalled
from drivers.dfu.protocol import (
    DFU_CLASS,
    FUNCTIONAL_KIND,
    FUNCTIONAL_SIZE,
    DfuMode,
    DfuRequest,
    DfuState,
    DfuStatus,
    FunctionalDescriptor,
    MalformedReply,
    StatusReply,
    find_functional,
)
from drivers.dfu.settings import DfuSettings
from drivers.dfu.transfers import ControlPipe, translate
from drivers.dfu.work import Work
from drivers.errors import DriverError, HubAction, HubRefused, LinkLost, MalformedAnswer, NoAnswer, NotAHub

_STATUS_SIZE: Final = 6
_TRIES_TO_IDLE: Final = 8
"""Each try leaves at least one state behind."""
_SHORTEST_POLL: Final = 0.001
"""Seconds. A busy device that names no time is asked again after this."""


class DfuDevice:
    """A device with a DFU interface, from one appearance on the bus to its disappearance."""

    def __init__(
        self,
        sighting: Sighting,
        mode: DfuMode,
        functional: FunctionalDescriptor,
        pipe: ControlPipe,
        settings: DfuSettings,
    ) -> None:
        self.sighting = sighting
        self.mode = mode
        self.functional = functional
        self.pipe = pipe
        self._settings = settings
        self._not_before = 0.0

    def close(self) -> None:
        """Give the device's node back. Raises nothing."""
        usb.util.dispose_resources(self.pipe.device)

    def detach(self, work: Work) -> None:
        """Tell a device in run-time mode to go to DFU mode, with a bus reset if it needs one."""
        milliseconds = round(self.functional.detach_seconds * 1000)
        try:
            self.pipe.dfu_out(DfuRequest.DETACH, milliseconds, b"", work)
        except LinkLost:
            if not self.functional.will_detach:
                raise
            # It left before the host had its answer.
        if not self.functional.will_detach:
            self.reset(work)

    def reset(self, work: Work) -> None:
        """Reset the bus at the device's port. Over USB/IP that lets the device go."""
        try:
            self.pipe.device.reset()
        except usb.core.USBError as error:
            # A device that is another one after the reset is no longer found under this handle.
            if error.errno not in {errno.ENODEV, errno.ENOENT}:
                raise translate(error, work) from error

    def status(self, work: Work) -> StatusReply:
        """Ask for the status, not before the device allows. Raises MalformedAnswer for an absurd one."""
        work.pause(self._not_before - time.monotonic())
        raw = self.pipe.dfu_in(DfuRequest.GETSTATUS, 0, _STATUS_SIZE, work)
        answered = time.monotonic()
        try:
            reply = StatusReply.parse(raw)
        except MalformedReply as error:
            raise self._malformed(str(error), work) from error
        if reply.poll_seconds > self._settings.longest_poll_seconds:
            raise self._malformed(f"it wants to be left alone for {reply.poll_seconds:g} s", work)
        self._not_before = answered + reply.poll_seconds
        return reply

    def require_firmware(self, work: Work) -> None:
        """Ask a device in DFU mode for its status, and raise NoBootableFirmware if that is why it is there."""
        reply = self.status(work)
        if reply.status is DfuStatus.ERR_FIRMWARE:
            raise self.failure(reply, work)

    def become_idle(self, work: Work) -> None:
        """Bring a device in DFU mode to dfuIDLE, whatever was left unfinished. Raises NoBootableFirmware."""
        for _ in range(_TRIES_TO_IDLE):
            reply = self.status(work)
            match reply.state:
                case DfuState.DFU_IDLE:
                    return
                case DfuState.DFU_ERROR:
                    if reply.status is DfuStatus.ERR_FIRMWARE:
                        raise self.failure(reply, work)
                    self.pipe.dfu_out(DfuRequest.CLRSTATUS, 0, b"", work)
                case DfuState.DFU_DNBUSY | DfuState.DFU_MANIFEST:
                    work.pause(_SHORTEST_POLL)
                case DfuState.DFU_MANIFEST_WAIT_RESET | DfuState.APP_IDLE | DfuState.APP_DETACH:
                    break
                case _:
                    self.pipe.dfu_out(DfuRequest.ABORT, 0, b"", work)
        raise HubRefused(
            f"the hub at {work.place} does not become idle ({reply.state.name})",
            action=work.action,
            state_known=not work.writes,
            advice="seat it anew",
        )

    def download(self, firmware: bytes | memoryview, on_sent: Callable[[int], None], work: Work) -> None:
        """Send the firmware to an idle device, block by block. It is not manifested yet.

        Raises what the device's status says, of `errors.STATUS_FAULTS`, and as `ControlPipe.dfu_out`.
        """
        if not self.functional.can_download:
            raise HubRefused(
                f"the device at {work.place} takes no firmware by DFU", action=work.action, state_known=True
            )
        size = self.functional.block_size
        for block, offset in enumerate(range(0, len(firmware), size)):
            # pyusb's own kind: of others it copies byte by byte.
            piece = array("B", bytes(firmware[offset : offset + size]))
            self._give(block, piece, work)
            self._await_state(DfuState.DFU_DNLOAD_IDLE, work)
            on_sent(offset + len(piece))

    def manifest(self, size: int, work: Work) -> None:
        """Say that the firmware is complete, and wait until the device has taken it or talks no more.

        Raises what the device's status says, MalformedAnswer for a state out of turn, and as `ControlPipe.dfu_out`.
        """
        blocks = -(-size // self.functional.block_size)
        self._give(blocks, b"", work)
        if self.functional.manifestation_tolerant:
            self._await_state(DfuState.DFU_IDLE, work)
            return
        while True:
            try:
                reply = self.status(work)
            except (LinkLost, NoAnswer, RequestStalled):
                return  # it waits for its reset, or went without waiting
            if reply.status is not DfuStatus.OK or reply.state is DfuState.DFU_ERROR:
                raise self.failure(reply, work)
            match reply.state:
                # It has taken it; one that is idle is more tolerant than its descriptor says.
                case DfuState.DFU_MANIFEST_WAIT_RESET | DfuState.DFU_IDLE:
                    return
                case DfuState.DFU_MANIFEST:
                    work.pause(reply.poll_seconds)
                    return  # from now on it cannot talk
                case DfuState.DFU_MANIFEST_SYNC:
                    work.pause(_SHORTEST_POLL)
                case state:
                    raise self._malformed(f"it is in {state.name} after a whole download", work)

    def upload(self, size: int, work: Work) -> bytes:
        """Read firmware back from an idle device: `size` bytes and up to a block more, or less if it has less.

        Raises what the device's status says, and as `ControlPipe.dfu_in`.
        """
        block_size = self.functional.block_size
        received = bytearray()
        for block in range(-(-size // block_size)):
            try:
                piece = self.pipe.dfu_in(DfuRequest.UPLOAD, block & 0xFFFF, block_size, work)
            except RequestStalled as stalled:
                raise self._reason(stalled, work) from stalled
            received += piece
            if len(piece) < block_size:
                return bytes(received)
        # It would go on; a short block would have ended it.
        self.pipe.dfu_out(DfuRequest.ABORT, 0, b"", work)
        return bytes(received)

    def failure(self, reply: StatusReply, work: Work) -> DriverError:
        """Return the typed error for a status that is not OK."""
        kind, meaning, advice = STATUS_FAULTS.get(
            reply.status, (HubRefused, "it fails without saying why", None)
        )
        code = reply.status.spelling
        if reply.text and (text := self.pipe.text(reply.text)):
            code = f"{code}, {text}"
        asked = work.action in {HubAction.WAIT, HubAction.IDENTIFY}
        what = "does not say who it is" if asked else f"could not {work.action}"
        return kind(
            f"the hub at {work.place} {what}, {meaning}",
            action=work.action,
            state_known=not work.writes,
            device_code=code,
            advice=advice,
        )

    def _give(self, block: int, piece: bytes | array[int], work: Work) -> None:
        try:
            # Block numbers come round after 65,536 (6.1.1).
            self.pipe.dfu_out(DfuRequest.DNLOAD, block & 0xFFFF, piece, work)
        except RequestStalled as stalled:
            raise self._reason(stalled, work) from stalled

    def _await_state(self, wanted: DfuState, work: Work) -> None:
        """Poll until the device is in the state. Raises its error, or MalformedAnswer for a state out of turn."""
        while True:
            reply = self.status(work)
            if reply.status is not DfuStatus.OK or reply.state is DfuState.DFU_ERROR:
                raise self.failure(reply, work)
            match reply.state:
                case state if state is wanted:
                    return
                case DfuState.DFU_DNLOAD_SYNC | DfuState.DFU_DNBUSY if wanted is DfuState.DFU_DNLOAD_IDLE:
                    pass
                case DfuState.DFU_MANIFEST_SYNC | DfuState.DFU_MANIFEST if wanted is DfuState.DFU_IDLE:
                    pass
                case state:
                    raise self._malformed(f"it is in {state.name} instead of {wanted.name}", work)
            if not reply.poll_seconds:
                work.pause(_SHORTEST_POLL)

    def _reason(self, stalled: RequestStalled, work: Work) -> DriverError:
        """Return why the device stalled: its status, if it has one."""
        reply = self.status(work)
        return stalled if reply.status is DfuStatus.OK else self.failure(reply, work)

    def _malformed(self, what: str, work: Work) -> MalformedAnswer:
        return MalformedAnswer(
            f"the hub at {work.place} breaks the rules of DFU, {what}",
            action=work.action,
            state_known=not work.writes,
        )


def open_dfu_device(device: Any, sighting: Sighting, settings: DfuSettings, work: Work) -> DfuDevice:
    """Find the DFU interface of a device. Raises NotAHub for a device without, and as `ControlPipe.dfu_in`."""
    try:
        found = _find_interface(device, settings.alternate)
        if found is None:
            raise _not_a_hub(sighting, "it has no DFU interface", work)
        interface, extra, has_alternates = found
        pipe = ControlPipe(device, interface.bInterfaceNumber, settings.transfer_seconds)
        if has_alternates:
            device.set_interface_altsetting(interface.bInterfaceNumber, settings.alternate)
    except usb.core.USBError as error:
        raise translate(error, work) from error
    raw = find_functional(extra)
    if raw is None:
        try:
            raw = pipe.interface_descriptor(FUNCTIONAL_KIND, FUNCTIONAL_SIZE, work)
        except RequestStalled as stalled:
            raise _not_a_hub(sighting, "it has no functional descriptor", work) from stalled
    try:
        functional = FunctionalDescriptor.parse(raw)
    except MalformedReply as error:
        raise _not_a_hub(sighting, f"it states {error}", work) from error
    return DfuDevice(sighting, DfuMode(interface.bInterfaceProtocol), functional, pipe, settings)


def _find_interface(device: Any, alternate: int) -> tuple[Any, bytes, bool] | None:
    """Return the DFU interface's setting, what stands behind its settings, and whether it has several."""
    for configuration in device:
        settings = [
            setting
            for setting in configuration
            if (setting.bInterfaceClass, setting.bInterfaceSubClass) == DFU_CLASS
            and setting.bInterfaceProtocol in set(DfuMode)
        ]
        chosen = next((setting for setting in settings if setting.bAlternateSetting == alternate), None)
        if chosen is None:
            # In run-time mode there is nothing to choose from.
            chosen = next((s for s in settings if s.bInterfaceProtocol == DfuMode.RUN_TIME), None)
        if chosen is not None:
            # Some devices put one functional descriptor behind the last of several settings.
            own = [chosen, *(s for s in settings if s.bInterfaceNumber == chosen.bInterfaceNumber)]
            extra = b"".join(bytes(setting.extra_descriptors) for setting in own)
            return chosen, extra + bytes(configuration.extra_descriptors), len(own) > 2
    return None


def _not_a_hub(sighting: Sighting, why: str, work: Work) -> NotAHub:
    return NotAHub(f"{sighting} is no hub, {why}", action=work.action, state_known=True, advice="take it out")
