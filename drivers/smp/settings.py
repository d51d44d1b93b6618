"""What can be configured of SMP over serial. Every time limit that depends on size is derived here."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, model_validator

from drivers.serial_link import SerialSettings
from drivers.smp.messages import SMALLEST_BUFFER

_MEBIBYTE: Final = 1 << 20
_CHECK_SECONDS_PER_MEBIBYTE: Final = 5.0
"""A hub may hash the whole image before it answers the last chunk: 200 KiB a second, slow SPI flash."""
_LINE_SHARE: Final = 0.708
"""Image bytes in a byte on the wire with 1 KiB buffers (994 of 1,404); smaller buffers stay above half of it."""


_SLOWER_CLOCK: Final = 1.1
_ITS_TICK_SECONDS: Final = 0.05
"""The hub's clock and ours differ, and a hub may look at its own now and then only."""

Framing = Literal["console", "raw"]


class SmpSettings(SerialSettings):
    """A jig's `driver_settings` for SMP over serial."""

    framing: Framing = Field(
        default="console",
        description="How the jig's hubs were built to write packets on the line: as lines of base64 with a CRC, beside log "
        "output (console), or as they are (raw: a third more of the line, and no CRC).",
    )
    input_timeout_seconds: float = Field(
        default=3.0,
        gt=0,
        le=60,
        description="With raw framing, how long a hub waits for the rest of a packet before it drops it: Zephyr's "
        "CONFIG_MCUMGR_TRANSPORT_RAW_UART_INPUT_TIMEOUT_TIME_MS. Hubs for raw framing must be built with that timeout.",
    )
    line_length: int = Field(
        default=127,
        ge=16,
        le=1024,
        description="Longest line sent, line feed included, in bytes. Zephyr takes 127 unless built otherwise.",
    )
    window: int = Field(
        default=16,
        ge=1,
        le=64,
        description="Upper limit of chunks under way at once; the hub's own buffers usually allow fewer.",
    )
    answer_seconds: float = Field(
        default=2.0, gt=0, description="How long the hub may take to answer a command that needs no erase."
    )
    attempts: int = Field(
        default=3, ge=1, le=10, description="How often a question is put before the hub counts as silent."
    )
    upload_attempts: int = Field(
        default=8,
        ge=1,
        le=100,
        description="Setbacks in a row, without a new byte written, after which an upload is given up.",
    )
    slot_bytes: int = Field(
        default=_MEBIBYTE, ge=4096, description="Size of the hub's image slot: an erase may take it all."
    )
    erase_seconds_per_mebibyte: float = Field(
        default=15.0,
        ge=0,
        description="Time to erase 1 MiB. NOR flash with 4 KiB sectors typically needs 45 ms each: 11.5 s.",
    )
    slowness: float = Field(
        default=4.0, ge=1, description="An upload may take this many times as long as the line itself needs."
    )
    quiet_after_reset_seconds: float = Field(
        default=1.5,
        ge=0,
        description="Silence kept after a reset: a byte in this time can trap the boot loader in serial recovery.",
    )
    return_seconds: float = Field(
        default=60.0,
        gt=0,
        description="How long a hub may take from a reset to its first answer, swap included.",
    )
    removal_seconds: float = Field(
        default=2.0, gt=0, description="A hub that has not answered for this long has been removed."
    )
    probe_seconds: float = Field(
        default=0.5, gt=0, description="How long one look for a hub waits for its answer before the next."
    )
    can_revert: bool = Field(
        default=True,
        description="Whether the boot loader swaps images and gives up an unconfirmed one at the next boot.",
    )

    @model_validator(mode="after")
    def _packets_are_whole_in_time(self) -> SmpSettings:
        if self.largest_packet < SMALLEST_BUFFER:
            raise ValueError(
                f"at {self.baud} baud no packet gets through in half of input_timeout_seconds ({self.input_timeout_seconds:g} s)"
            )
        return self

    @property
    def silence_seconds(self) -> float:
        """How long a line has to be silent until a hub with raw framing has dropped what it got a part of; else 0."""
        if self.framing == "console":
            return 0.0
        return self.input_timeout_seconds * _SLOWER_CLOCK + _ITS_TICK_SECONDS

    @property
    def largest_packet(self) -> int:
        """Bytes of a packet that a hub with raw framing gets whole in half the time that it waits for that."""
        if self.framing == "console":
            return 0xFFFF
        return int(self.input_timeout_seconds / 2 * self.baud / 10)

    def erase_seconds(self, size: int) -> float:
        """Return the deadline of an answer that comes after an erase for `size` bytes."""
        erased = max(size, self.slot_bytes)
        return self.answer_seconds + self.erase_seconds_per_mebibyte * erased / _MEBIBYTE

    def check_seconds(self, size: int) -> float:
        """Return the deadline of the last chunk's answer, before which the hub may check all `size` bytes."""
        return self.answer_seconds + _CHECK_SECONDS_PER_MEBIBYTE * size / _MEBIBYTE

    def upload_seconds(self, size: int) -> float:
        """Return the deadline of a whole upload of `size` bytes."""
        on_the_line = size * 10 / _LINE_SHARE / self.baud
        waiting = self.upload_attempts * (self.answer_seconds + self.silence_seconds)
        return 2 * self.erase_seconds(size) + self.check_seconds(size) + waiting + self.slowness * on_the_line
