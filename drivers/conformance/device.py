"""What a driver's author provides: the plugin, and a device with the hands that the checks need.

A bench in software, a relay board, or a person with a dialogue box can be those hands.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

from pydantic import BaseModel

from drivers.hub import DriverPlugin, UnlockAuthority
from firmware_catalog.image import FirmwareImage


class Ability(StrEnum):
    """What can be done with a device beside flashing it. Each needs methods of `DeviceUnderTest` to be written."""

    LOCK = "lock"
    """The hub has one: `authority` and `wrong_authority`."""
    REMOVAL = "removal"
    """`remove` and `seat`."""
    POWER_LOSS = "power loss"
    """`cut_power` and `restore_power`."""
    LINK_LOSS = "link loss"
    """`cut_link` and `restore_link`."""
    SILENCE = "silence"
    """`silence` and `speak`."""
    EXCHANGE = "exchange"
    """`exchange` and `exchange_at_next_boot`."""
    EXCHANGE_WITHIN = "exchange within"
    """`exchange_at_next_change`."""
    TWINS = "twins"
    """`exchange` also knows hubs that differ from the first in less than their ids."""
    REFUSAL = "refusal"
    """`refuse`, and `speak`."""
    NOISE = "noise"
    """`garble`, and `speak`."""
    NO_RETURN = "no return"
    """`vanish_at_next_boot`."""
    INSPECTION = "inspection"
    """`inspect`."""


class Difference(StrEnum):
    """In what another hub is not the first one."""

    IDS = "ids"
    GPF = "gpf"
    """The CHF's id is the same, as of no two hubs."""
    TYPE = "type"
    """Asked of bridges, which have no GPF: the id is the same, as of no two bridges."""
    MODEL = "model"
    """Every id is the same."""


class NotWritten(Exception):
    """The device neither offers an ability nor says why it cannot."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a device really holds, seen without the driver: its flash read out, a simulator asked."""

    running_sha256: bytes
    """SHA-256 over the image in the running slot, to be compared with `FirmwareImage.file_sha256`."""
    spare_sha256: bytes | None
    """The same of the slot that is not running; None when it holds no whole image."""
    wrong_unlock_answers: int | None = None
    """How many the hub has counted; None where that cannot be seen."""
    changes: int | None = None
    """How many commands that would change it the hub in the seat has had since it was put in by `exchange` or its like,
    obeyed or not: answers to a challenge, parts of an image, marks, confirmations, erasures, orders to boot. None where
    that cannot be seen."""


class DeviceUnderTest(ABC):
    """One device for one check. Abilities that it lacks are said in `cannot`, all others are to be written.

    Its methods run on the event loop of the check, and raise whatever they like when they fail.
    """

    plugin: DriverPlugin
    """The driver that is put to the test."""
    settings: BaseModel
    """What the plugin's `open` is given. Short times make a short run."""
    place: str
    """Where the hub sits; may be set by `at_the_bench`."""
    absent_place: str
    """A place that the driver cannot take."""
    image: FirmwareImage
    """What is flashed: firmware for this device that it does not run yet. Large enough that its flash can be broken
    off halfway."""
    patience: float = 20.0
    """Seconds after which a call that has not ended counts as one without a deadline. Far above the deadlines
    that follow from `settings`."""
    cannot: ClassVar[Mapping[Ability, str]] = MappingProxyType({})
    """What the device cannot do, and why, in one line each. Checks that need it are skipped with these words."""

    @abstractmethod
    def at_the_bench(self) -> AbstractAsyncContextManager[None]:
        """Return a context with a hub at `place`, as it is before a check.

        It runs other firmware than `image`, confirmed; nothing is pending; the lock is closed if it has one. It
        answers, or will shortly. What the context opened it gives back: whatever is left counts as the driver's, too.
        """

    def authority(self) -> UnlockAuthority:
        """Return one whose signatures the hub accepts."""
        raise self._not_written(Ability.LOCK)

    def wrong_authority(self) -> UnlockAuthority:
        """Return one whose signatures are well formed, and wrong."""
        raise self._not_written(Ability.LOCK)

    async def remove(self) -> None:
        """Take the hub out of its seat, without its leave."""
        raise self._not_written(Ability.REMOVAL)

    async def seat(self) -> None:
        """Put the same hub back in; it boots."""
        raise self._not_written(Ability.REMOVAL)

    async def cut_power(self) -> None:
        """Take the hub's supply away, without its leave."""
        raise self._not_written(Ability.POWER_LOSS)

    async def restore_power(self) -> None:
        """Give it back; the hub boots."""
        raise self._not_written(Ability.POWER_LOSS)

    async def cut_link(self) -> None:
        """Pull the cable or adapter between host and hub. The hub keeps its power if it has its own."""
        raise self._not_written(Ability.LINK_LOSS)

    async def restore_link(self) -> None:
        """Plug it in again, and return when the place can be opened."""
        raise self._not_written(Ability.LINK_LOSS)

    async def silence(self) -> None:
        """Have the hub overlook every request from now on, with link and power as they were."""
        raise self._not_written(Ability.SILENCE)

    async def speak(self) -> None:
        """Have it answer again."""
        raise self._not_written(Ability.SILENCE)

    async def refuse(self) -> None:
        """Have the hub refuse every request from now on."""
        raise self._not_written(Ability.REFUSAL)

    async def garble(self) -> None:
        """Have the hub answer every request with what its protocol does not allow, from now on."""
        raise self._not_written(Ability.NOISE)

    async def exchange(self, difference: Difference) -> None:
        """Take the hub out and put another one in, that differs so from the first; return when it answers.

        It boots meanwhile, and so misses what it is sent: that silence is all by which many drivers can notice.

        What it holds and runs should be what the first one held and ran, and its lock should be open, if it has one:
        then nothing but the driver's own care keeps it from being changed.
        """
        del difference
        raise self._not_written(Ability.EXCHANGE)

    async def exchange_at_next_change(self) -> None:
        """Have the hub taken out when it is next told to change anything, and another one, with other ids, put in.

        What the first is told then may be lost or not.
        """
        raise self._not_written(Ability.EXCHANGE_WITHIN)

    async def exchange_at_next_boot(self) -> None:
        """Have another hub, with other ids, answer after the next boot."""
        raise self._not_written(Ability.EXCHANGE)

    async def vanish_at_next_boot(self) -> None:
        """Have the hub answer nothing after its next boot."""
        raise self._not_written(Ability.NO_RETURN)

    async def inspect(self) -> Inspection:
        """Look into the hub without the driver."""
        raise self._not_written(Ability.INSPECTION)

    def _not_written(self, ability: Ability) -> NotWritten:
        return NotWritten(
            f"{type(self).__name__} does not offer {ability}: write what Ability.{ability.name} needs, "
            "or say in `cannot` why it cannot be had"
        )
