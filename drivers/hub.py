"""The contract between the station and any hub: what a driver offers, and the facts it hands over.

A driver serves one slot's place (a port, a USB chain) for as long as the slot lives, whatever hub sits in it.
Third parties register a `DriverPlugin` through the entry-point group `reflash.drivers`. docs/writing-a-driver.md
leads through it, and `drivers.conformance` checks what is demanded here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, NoReturn, Protocol, runtime_checkable

import cbor2
from pydantic import BaseModel

from drivers.errors import AnotherHub, HubAction, NoAnswer
from firmware_catalog.devices import BridgeId, BridgeType, DeviceIds, HubIds, difference
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from firmware_catalog.image import FirmwareImage

ENTRY_POINT_GROUP: Final = "reflash.drivers"
"""Where an installed package names its `DriverPlugin`, by the plugin's name."""

UNLOCK_DOMAIN = "reflash-unlock-v1"
"""Separates unlock signatures from everything else the same key might ever sign."""


@dataclass(frozen=True, slots=True)
class ExpectedDevice:
    """The hub, or bridge, that a caller means: what a driver is told, so that it changes no other.

    One hub has these for its life. A hub that differs in any of them is another hub.
    """

    ids: DeviceIds
    model: DeviceModel

    @property
    def device_id(self) -> Eui64:
        """The id that it is known by: of a hub its CHF's."""
        return self.ids.device_id

    def require(
        self, seen: DeviceIdentity, *, place: str, action: HubAction, state_known: bool = True
    ) -> None:
        """Return if `seen` is this hub. Raises AnotherHub, whose `state_known` speaks of this hub, not of `seen`."""
        what = difference(seen.ids, self.ids, place)
        if what is None and seen.model != self.model:
            what = f"{seen.ids} at {place} is of model {seen.model}, not {self.model}"
        if what is not None:
            raise AnotherHub(what, action=action, state_known=state_known, advice="find the first hub")


@dataclass(frozen=True, slots=True)
class HubIdentity:
    """What a hub says of itself. One hub is two devices: `chf` and `gpf` are never derived from each other.

    All but `firmware`, `locked` and `boots` stays the same for a hub's life, whatever it runs.
    """

    chf: Eui64
    gpf: Eui64
    model: DeviceModel
    hardware_version: str
    variant: str
    firmware: FirmwareVersion
    locked: bool
    boots: int
    """Counts the hub's boots, whoever caused them; only differences mean anything."""

    @property
    def device_id(self) -> Eui64:
        """The id that it is known by."""
        return self.chf

    @property
    def ids(self) -> HubIds:
        """Which hub it is."""
        return HubIds(self.chf, self.gpf)

    @property
    def device(self) -> ExpectedDevice:
        """What to tell a driver from now on, so that it changes this hub and no other."""
        return ExpectedDevice(self.ids, self.model)


@dataclass(frozen=True, slots=True)
class BridgeIdentity:
    """What a P2P Alt HAN bridge says of itself. It is one device with one id, and of one of four types.

    All but `firmware`, `locked` and `boots` stays the same for a bridge's life, whatever it runs.
    """

    device_id: Eui64
    bridge_type: BridgeType
    model: DeviceModel
    hardware_version: str
    firmware: FirmwareVersion
    locked: bool
    boots: int
    """Counts the bridge's boots, whoever caused them; only differences mean anything."""

    @property
    def ids(self) -> BridgeId:
        """Which bridge it is."""
        return BridgeId(self.device_id, self.bridge_type)

    @property
    def device(self) -> ExpectedDevice:
        """What to tell a driver from now on, so that it changes this bridge and no other."""
        return ExpectedDevice(self.ids, self.model)


DeviceIdentity = HubIdentity | BridgeIdentity
"""What a device of either family says of itself. "Hub" in the names of this contract stands for either."""


@dataclass(frozen=True, slots=True)
class ImageSlot:
    """One image slot of a hub, as the hub itself describes it."""

    slot: int
    version: str
    """As `FirmwareImage.version_text` writes it: `1.2.303` of an MCUboot image, `0102012F` of any other."""
    image_hash: bytes | None
    """As `FirmwareImage.image_hash`: MCUboot's SHA-256 TLV of its images (header, body, protected TLVs), never the hash of
    the file; SHA-256 over the bytes of any other."""
    bootable: bool
    pending: bool
    confirmed: bool
    active: bool
    permanent: bool


def describe_image(slot: ImageSlot | None) -> str:
    """Say for a person which image a slot holds, by version and the beginning of its hash."""
    if slot is None:
        return "no image that it names"
    image_hash = "no hash" if slot.image_hash is None else slot.image_hash.hex()[:16]
    return f"{slot.version} ({image_hash})"


@dataclass(frozen=True, slots=True)
class HubState:
    """All image slots of a hub at one moment."""

    slots: tuple[ImageSlot, ...]

    @property
    def running(self) -> ImageSlot | None:
        """The slot whose image runs now."""
        return next((slot for slot in self.slots if slot.active), None)

    def holding(self, image_hash: bytes) -> ImageSlot | None:
        """The slot that holds this image, running or not."""
        return next((slot for slot in self.slots if slot.image_hash == image_hash), None)

    @property
    def pending(self) -> ImageSlot | None:
        """The slot that the next boot would swap in."""
        return next((slot for slot in self.slots if slot.pending), None)


@dataclass(frozen=True, slots=True)
class UnlockChallenge:
    """What a locked hub asks to have signed. Good for one answer and a short time."""

    device_id: Eui64
    """Of a hub its CHF's."""
    nonce: bytes
    model: DeviceModel

    def to_be_signed(self) -> bytes:
        """Return the deterministic CBOR (RFC 8949, 4.2) array that the signature covers."""
        return cbor2.dumps(
            [UNLOCK_DOMAIN, self.device_id.to_bytes(), self.nonce, self.model.manufacturer, self.model.model],
            canonical=True,
        )


class UnlockAuthority(Protocol):
    """Signs for one hub at a time. Implementations never block the event loop."""

    async def sign(self, challenge: UnlockChallenge) -> bytes:
        """Return a raw ECDSA P-256/SHA-256 signature, r then s, 64 bytes, over `to_be_signed()`.

        Raises UnlockAuthorityFailed when it cannot.
        """
        ...


@dataclass(frozen=True, slots=True)
class FlashProgress:
    """How far an upload is. Latest value only; never a record."""

    sent: int
    size: int


ProgressListener = Callable[[FlashProgress], None]


@runtime_checkable
class HubDriver(Protocol):
    """One slot's way to its hub.

    Every method but the two waits obeys a deadline that scales with its work. Every failure is a
    `drivers.errors.DriverError` whose action is the method's. A method that only looks leaves `state_known` True;
    once anything was written, or a boot ordered, it is False. While a method waits, the event loop turns.

    Cancelling a method ends it in CancelledError, soon, and leaves the driver usable: the next call does not meet
    the cancelled call's bytes. One method runs at a time. After any error the same driver goes on; one whose link
    is gone for good says LinkLost again in `wait_for_hub`, and the station closes it and opens the place anew.

    A method that is told which `hub` is meant asks first who is there, and raises AnotherHub for any other hub, having
    sent it nothing that changes it. Between two answers the hub may be exchanged by hand, so it asks again within its
    work as well: after a boot, after a loss of the link, after a silence, and after whatever else took a while.
    """

    @property
    def place(self) -> str:
        """Where this driver reaches its hub, as configured."""
        ...

    @property
    def can_revert(self) -> bool:
        """Whether an unconfirmed image is given up at the next boot."""
        ...

    async def wait_for_hub(self) -> DeviceIdentity:
        """Return as soon as a hub answers at this place; wait without end while there is none.

        Raises LinkLost when the place itself is gone, and HubInSerialRecovery for a hub that waits in its
        boot loader.
        """
        ...

    async def wait_for_removal(self, hub: DeviceIdentity | None) -> None:
        """Return once `hub` no longer sits here as it did.

        That is when it has been silent for the driver's removal time, when another hub answers in its place, or
        when it has booted since and so was reseated. None stands for a hub that never said who it is: then
        silence, or any identity, ends the wait. A hub that refuses to answer, or answers what its protocol does not
        allow, is still there. Writes nothing to the hub's flash. Raises LinkLost when the place itself is gone, and
        nothing else.
        """
        ...

    async def identify(self) -> DeviceIdentity:
        """Ask who the hub is. Allowed while locked. Says the same each time as long as nothing happens to the hub."""
        ...

    async def state(self) -> HubState:
        """Ask what the image slots hold, one of which runs. Allowed while locked."""
        ...

    async def unlock(self, hub: ExpectedDevice, authority: UnlockAuthority) -> None:
        """Have one fresh challenge signed and answer it. One wrong answer is one `UnlockRefused`, never retried.

        Does nothing, and has nothing signed, when the hub is open. An answer is sent at most once, also when nobody
        knows what became of it. What the authority raises passes as it is, and a signature of another length than 64
        bytes is never sent: UnlockAuthorityFailed. Signing may take a while, so it is asked again who is there before
        the answer is sent: AnotherHub means that none was given. Raises ChallengeVoid when the challenge was no longer
        good, so that an answer counts neither as right nor as wrong, and HubLockedOut for a hub that takes no answers
        for now. A hub that refuses the challenge has counted no answer.
        """
        ...

    async def flash(self, hub: ExpectedDevice, image: FirmwareImage, on_progress: ProgressListener) -> None:
        """Write the image to the slot that is not running. Returns when the hub holds every byte of it.

        What runs, and what the next boot would run, stays as it is. `on_progress` is called on the event loop, from
        the first part on, every few seconds at least while the hub answers, with a `sent` that never falls and ends at
        the size. Raises HubLocked, having written
        nothing, while the lock is closed. May be called again after any failure or cancellation, and then resumes or
        begins anew: a hub that was lost halfway still boots what it ran, and no part is taken for the whole.
        """
        ...

    async def activate(self, hub: ExpectedDevice, image: FirmwareImage) -> DeviceIdentity:
        """Mark the held image for one test boot, boot the hub, and return it as it came back.

        Returns at once when the image runs already on the hub that is meant. Raises ImageMismatch, before any boot, when the hub does not
        hold it; HubDidNotReturn when none answers in time or it has not booted, and AnotherHub when the one that
        answers is not the one that left.
        """
        ...

    async def verify(self, hub: ExpectedDevice, image: FirmwareImage) -> HubState:
        """Return the state if the running image is this one by version and hash; raise ImageMismatch if not."""
        ...

    async def confirm(self, hub: ExpectedDevice, image: FirmwareImage) -> HubState:
        """Make the running image permanent, if it is this one. Raises ImageMismatch, and confirms nothing, if not.

        Allowed while locked. Does nothing to one that is confirmed.
        """
        ...

    async def reboot(self, hub: ExpectedDevice) -> DeviceIdentity:
        """Boot the hub, which makes it give up an unconfirmed image, and return who came back.

        Allowed while locked; a hub locks itself at every boot. Raises HubDidNotReturn and AnotherHub as `activate`.
        """
        ...

    async def erase(self, hub: ExpectedDevice) -> None:
        """Erase the slot that is not running. Raises HubLocked, having erased nothing, while the lock is closed."""
        ...

    async def close(self) -> None:
        """Give the place back, and every descriptor, thread and task with it. Never raises; may be called twice."""
        ...


@runtime_checkable
class LeavesRecovery(Protocol):
    """A `HubDriver` that also has this method can have a hub boot that waits in its boot loader."""

    async def leave_recovery(self) -> DeviceIdentity:
        """Order one boot of a hub that waits in its boot loader, and return who comes back.

        Which hub that is nobody knows, so it is told nothing but to boot, which changes no flash of itself. One that
        says who it is is told nothing. Raises HubInSerialRecovery when it stays there, and HubDidNotReturn.
        """
        ...


@runtime_checkable
class WatchesPlace(Protocol):
    """A `HubDriver` that also has this method tells of a place that goes while nobody sits there."""

    async def until_lost(self) -> NoReturn:
        """Wait without end, sending nothing; other methods may run meanwhile. Raises LinkLost once the place itself is gone."""
        ...


@dataclass(frozen=True, slots=True)
class LineCount:
    """What a serial line carried so far, of which only differences mean anything, and what it could carry."""

    sent: int
    """Packets that were put on it."""
    sent_again: int
    """How many of them had been sent before: they, or their answers, were lost."""
    baud: int
    framing: Literal["console", "raw"]
    """SMP's, as Zephyr's `smp_transport.rst` has them."""
    buffer: int | None
    """Bytes of the hub's packet buffer, as it told at the newest upload."""


@runtime_checkable
class CountsItsLine(Protocol):
    """A `HubDriver` that also has this property lets a slot's line be judged by how much of it gets lost."""

    @property
    def line(self) -> LineCount:
        """What it carried so far."""
        ...


@runtime_checkable
class ExplainsSilence(Protocol):
    """A `HubDriver` that also has this method can find out why something sits at its place and does not answer."""

    async def explain_silence(self) -> NoAnswer | None:
        """Return the error that says why nobody answers, or None where that cannot be told. May take some seconds.

        Called when nobody has answered for a while. Asks for nothing but what a locked hub tells. Raises LinkLost.
        """
        ...


class DriverPlugin(Protocol):
    """What an entry point of the group `reflash.drivers` names. Serves any number of places at once.

    A plugin that also has the methods of `drivers.places.PlaceFinder` takes part in `reflash jigs` and in what
    `reflash doctor` sees without opening anything; one for serial ports, with `SerialSettings`, does so without.
    """

    @property
    def name(self) -> str:
        """The name that a jig's `driver` setting uses."""
        ...

    @property
    def settings_model(self) -> type[BaseModel]:
        """Validates a jig's `driver_settings`. Every field has a default, and a description for people."""
        ...

    async def open(self, place: str, settings: BaseModel) -> HubDriver:
        """Take the place, whether a hub sits there or not. Sends nothing to the hub, and must not make it boot.

        Raises PlaceUnavailable with what to do about it.
        """
        ...
