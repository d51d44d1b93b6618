"""What can be made to go wrong on a simulated rig: named faults, where and when they strike.

Everything random comes from one seeded source a slot, so that a run can be repeated.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Container
from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class FaultFileError(Exception):
    """A fault, or a file of faults, cannot be understood. One line: what, where, what is allowed."""


class FaultName(StrEnum):
    """The catalogue. What `seconds` means is said where it is used; elsewhere it has no effect.

    Not every fault exists on USB: see `connection.NOT_ON_USB`.
    """

    UNPLUG_HUB = "unplug_hub"
    """The hub leaves its seat, and comes back after `seconds`, or not at all without."""
    UNPLUG_PORT = "unplug_port"
    """The slot's adapter, or on USB its hub, vanishes from the host, and comes back after `seconds`, or not at all
    without. The hub keeps its power."""
    POWER_LOSS = "power_loss"
    """The hub loses power for `seconds` (1 without)."""
    POWER_LOSS_IN_ERASE = "power_loss_in_erase"
    """The same, in the middle of the `at`-th erasure by the application."""
    POWER_LOSS_IN_WRITE = "power_loss_in_write"
    """The same, in the middle of the `at`-th write by the application."""
    POWER_LOSS_IN_SWAP = "power_loss_in_swap"
    """The same, in the middle of the boot loader's `at`-th flash operation."""
    REBOOT = "reboot"
    """The hub boots of its own accord."""
    REBOOT_LOOP = "reboot_loop"
    """From the next boot on, the hub boots again `seconds` (1 without) after its application started."""
    STALL = "stall"
    """The line's far end stops reading for `seconds`, or for good without. On USB the hub ends no transfer."""
    BIT_FLIPS = "bit_flips"
    """One bit of a byte on the wire is wrong, with `probability` a byte, in both directions."""
    LOSE_REQUEST = "lose_request"
    """The hub overlooks a request."""
    DROP_REPLY = "drop_reply"
    """The hub does what is asked, and its answer is lost; on USB the transfer never ends."""
    DELAY_REPLY = "delay_reply"
    """The answer leaves `seconds` (1 without) late; on a line, later answers overtake it."""
    DUPLICATE_REPLY = "duplicate_reply"
    FOREIGN_REPLY = "foreign_reply"
    """Before the answer comes another one, of a sequence number that nobody used."""
    WRONG_OFFSET = "wrong_offset"
    """An upload is answered with an offset that is not the hub's."""
    REFUSE_UNLOCK = "refuse_unlock"
    """A good unlock answer is called wrong, and counted."""
    NEVER_RELOCKS = "never_relocks"
    """The lock stays as it is at a boot."""
    LYING_VERSION = "lying_version"
    """From a boot to the next, identity and state tell another version than the image's."""
    LYING_HASH = "lying_hash"
    """From a boot to the next, state tells another hash than the image's."""
    LYING_MATCH = "lying_match"
    """The end of an upload claims that the SHA-256 does not hold; on USB, manifestation ends in errVERIFY."""
    ANOTHER_HUB = "another_hub"
    """The hub comes out of a boot with other ids."""
    SERIAL_RECOVERY = "serial_recovery"
    """A boot ends in the boot loader's serial recovery; on USB, in DFU mode with errFIRMWARE."""
    TRAP_IN_RECOVERY = "trap_in_recovery"
    """A boot loader that listens for `seconds` (0.5 without) first, and stays in recovery when it hears a frame."""
    NO_ANSWER = "no_answer"
    """The application runs but does not answer until the next boot."""
    CRASH = "crash"
    """The application dies at its start; the watchdog boots the hub."""
    FLASH_FAULT = "flash_fault"
    """An erasure or write of the application fails."""


class Occasion(StrEnum):
    """What a hub may be doing when a fault strikes: the command it serves, or something of its own."""

    IDENTITY = "identity"
    CHALLENGE = "challenge"
    UNLOCK = "unlock"
    STATE = "state"
    UPLOAD = "upload"
    ERASE = "erase"
    MARK = "mark"
    CONFIRM = "confirm"
    RESET = "reset"
    OTHER = "other"
    BOOT = "boot"


class Fault(BaseModel):
    """One fault, armed at one slot, one jig or everywhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: FaultName
    jig: int | None = None
    """None is every jig."""
    slot: int | None = None
    """None is every slot."""
    on: Occasion | None = None
    """Only on this occasion."""
    at: int = Field(default=1, ge=1)
    """From the n-th occasion on, counted a slot since the fault was armed."""
    at_byte: int | None = Field(default=None, ge=0)
    """Once an upload has come this far."""
    probability: float = Field(default=1.0, gt=0, le=1)
    """Of each occasion."""
    times: int | None = Field(default=None, ge=1)
    """How often it strikes a slot; without, once if it is certain and without end if it is a probability."""
    seconds: float | None = Field(default=None, ge=0)

    def is_at(self, jig: int, slot: int) -> bool:
        """Whether this slot is meant."""
        return self.jig in {None, jig} and self.slot in {None, slot}


PHYSICAL: Final = (
    FaultName.UNPLUG_HUB,
    FaultName.UNPLUG_PORT,
    FaultName.POWER_LOSS,
    FaultName.REBOOT,
    FaultName.STALL,
)
"""Faults that hands, cables and supplies cause: the slot carries them out."""


class _Armed:
    """One fault at one slot, and how often its occasion has come."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._occasions = 0
        certain = fault.probability == 1.0
        self._strikes_left = fault.times if fault.times is not None else 1 if certain else -1

    def strikes(self, occasion: Occasion | None, byte: int | None, source: random.Random) -> bool:
        fault = self.fault
        if self._strikes_left == 0 or fault.on not in {None, occasion}:
            return False
        if fault.at_byte is not None and (byte is None or byte < fault.at_byte):
            return False
        self._occasions += 1
        if self._occasions < fault.at or (fault.probability < 1 and source.random() >= fault.probability):
            return False
        self._strikes_left -= 1
        return True


class SlotFaults:
    """The faults armed at one slot."""

    def __init__(self, jig: int, slot: int, source: random.Random) -> None:
        self.source = source
        self._jig = jig
        self._slot = slot
        self._armed: dict[FaultName, list[_Armed]] = {}

    def arm(self, fault: Fault) -> None:
        """Arm the fault if it is meant for this slot."""
        if fault.is_at(self._jig, self._slot):
            self._armed.setdefault(fault.name, []).append(_Armed(fault))

    def disarm(self) -> None:
        """Forget every fault."""
        self._armed.clear()

    def strike(
        self, name: FaultName, occasion: Occasion | None = None, byte: int | None = None
    ) -> Fault | None:
        """Tell that the fault's occasion has come, and return it if it strikes now."""
        for armed in self._armed.get(name, ()):
            if armed.strikes(occasion, byte, self.source):
                return armed.fault
        return None

    def strike_physical(self, occasion: Occasion, byte: int | None, perform: Callable[[Fault], None]) -> bool:
        """Have every physical fault carried out whose occasion this is; say whether there was one."""
        struck = [fault for name in PHYSICAL if (fault := self.strike(name, occasion, byte))]
        for fault in struck:
            perform(fault)
        return bool(struck)

    def rate(self, name: FaultName) -> float:
        """The summed probability of a fault that strikes by chance only (BIT_FLIPS)."""
        return min(1.0, sum(armed.fault.probability for armed in self._armed.get(name, ())))


REALISTIC: Final[tuple[Fault, ...]] = (
    # A clean short cable has about one wrong bit in 10^8; near a warehouse's radio terminals ten times that.
    Fault(name=FaultName.BIT_FLIPS, probability=1e-7),
    # A USB serial adapter's overrun: about one answer in 20,000.
    Fault(name=FaultName.DROP_REPLY, probability=5e-5),
    Fault(name=FaultName.DELAY_REPLY, probability=5e-5, seconds=0.4),
    # Hands and worn contacts: about one hub in 100 is nudged during its upload of some 260 pieces.
    Fault(name=FaultName.POWER_LOSS, on=Occasion.UPLOAD, probability=2e-5, seconds=0.5),
    Fault(name=FaultName.UNPLUG_HUB, on=Occasion.UPLOAD, probability=1e-5, seconds=2.0),
    # A supply that dips while eight hubs swap: about one swap in 200, of some 300 operations each.
    Fault(name=FaultName.POWER_LOSS_IN_SWAP, probability=1.5e-5, seconds=0.5),
    # Worn flash: about one upload in 500.
    Fault(name=FaultName.FLASH_FAULT, probability=8e-6),
    # Faulty hubs are why returned stock is re-flashed at all: one in some hundreds, for each kind.
    Fault(name=FaultName.CRASH, on=Occasion.BOOT, probability=0.002),
    Fault(name=FaultName.NO_ANSWER, on=Occasion.BOOT, probability=0.001),
    Fault(name=FaultName.REFUSE_UNLOCK, probability=0.002),
    Fault(name=FaultName.NEVER_RELOCKS, probability=0.001),
)
"""The `realistic` profile. Nobody publishes such rates: they are an engineer's estimate, stated to be argued with."""


def parse_fault(data: object, where: str) -> Fault:
    """Read one fault. Raises FaultFileError; `where` names its place in the message."""
    try:
        return Fault.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "fault"
        if first["loc"] == ("name",) and isinstance(data, dict):
            known = ", ".join(FaultName)
            raise FaultFileError(f"{where}: unknown fault {data.get('name')!r}; known are {known}") from error
        raise FaultFileError(f"{where}: {field}: {first['msg']}") from error


def load_faults(path: str, unknown: Container[FaultName] = ()) -> tuple[Fault, ...]:
    """Read a JSON array of faults, or the profile `realistic` or `none` by name. Raises FaultFileError.

    The profile leaves out what is `unknown` to the whole rig.
    """
    if path == "none":
        return ()
    if path == "realistic":
        return tuple(fault for fault in REALISTIC if fault.name not in unknown)
    try:
        entries = json.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise FaultFileError(
            f"{path}: {error.strerror}; name a file of faults, or 'realistic' or 'none'"
        ) from error
    except (ValueError, RecursionError) as error:
        raise FaultFileError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(entries, list):
        raise FaultFileError(f"{path}: a JSON array of faults is wanted")
    return tuple(parse_fault(entry, f"{path}: fault {number}") for number, entry in enumerate(entries, 1))
