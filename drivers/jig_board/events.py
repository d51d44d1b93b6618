"""What a jig's board tells the station, one frozen type each. Slots are numbered from 1, as on the jig."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.jig_board.errors import JigBoardError


@dataclass(frozen=True, slots=True)
class BoardIdentity:
    """Which board this is."""

    serial_number: int
    firmware_version: str
    """Major and minor, such as `1.4`."""


@dataclass(frozen=True, slots=True)
class SlotSeated:
    """The switch says that a hub sits in the slot."""

    slot: int


@dataclass(frozen=True, slots=True)
class SlotOpened:
    """The switch has opened, or is found open. Whether the slot is empty is asked, and `SlotEmptied` follows."""

    slot: int


@dataclass(frozen=True, slots=True)
class SlotEmptied:
    """The switch says that no hub sits in the slot. Where one draws current all the same, `SlotContradicted` follows."""

    slot: int


@dataclass(frozen=True, slots=True)
class LidOpened:
    """The jig's lid is open."""


@dataclass(frozen=True, slots=True)
class LidClosed:
    """The jig's lid is closed."""


@dataclass(frozen=True, slots=True)
class StartPressed:
    """Someone pressed the start button. Its release is not told."""


@dataclass(frozen=True, slots=True)
class EmergencyStop:
    """The emergency stop is pressed: the hardware has already cut the power of every slot."""


@dataclass(frozen=True, slots=True)
class EmergencyReleased:
    """The emergency stop is not pressed. Once released, slots whose power coil is still on have power again."""


@dataclass(frozen=True, slots=True)
class SlotContradicted:
    """The slot's current contradicts its presence switch: one of the two is not to be believed."""

    slot: int
    seated: bool
    """What the presence switch says."""
    current_milliamperes: int


@dataclass(frozen=True, slots=True)
class SlotAgreed:
    """The slot's current bears out its presence switch again."""

    slot: int


@dataclass(frozen=True, slots=True)
class SlotReseated:
    """The board counted an insertion that nobody saw: the hub in the slot may be another."""

    slot: int


@dataclass(frozen=True, slots=True)
class LooksMissed:
    """The inputs were not looked at for a while: nothing is known of them until they are told anew."""


@dataclass(frozen=True, slots=True)
class LooksTooRare:
    """Looks are missed again and again."""

    reason: JigBoardError


@dataclass(frozen=True, slots=True)
class LooksFrequent:
    """No look was missed for some time, after `LooksTooRare`."""


@dataclass(frozen=True, slots=True)
class LampsInDoubt:
    """A lamp does not show what was written, or may not: the heartbeat came so late that the watchdog may have acted."""


@dataclass(frozen=True, slots=True)
class PowerAmiss:
    """The board acknowledged that a slot's power was switched, and it reads otherwise."""

    slot: int
    on: bool
    """How it reads."""


@dataclass(frozen=True, slots=True)
class BoardLost:
    """Nothing is known of the jig's inputs from here on. Told again when the reason changes."""

    reason: JigBoardError


@dataclass(frozen=True, slots=True)
class BoardBack:
    """The board answers, is the right one, and lives. Its inputs are told anew once they have stood still."""

    identity: BoardIdentity
    power: tuple[bool, ...]
    """Slot power as the board holds it now, slot 1 first. A board that was itself off has forgotten it."""


BoardEvent = (
    SlotSeated
    | SlotOpened
    | SlotEmptied
    | LidOpened
    | LidClosed
    | StartPressed
    | EmergencyStop
    | EmergencyReleased
    | SlotContradicted
    | SlotAgreed
    | SlotReseated
    | LooksMissed
    | LooksTooRare
    | LooksFrequent
    | LampsInDoubt
    | PowerAmiss
    | BoardLost
    | BoardBack
)
