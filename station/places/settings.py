"""The configuration of a jig: which driver its hubs are reached by, where each slot's hub is, and what else is wired up."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from drivers.jig_board.settings import JigBoardSettings
from drivers.serial_link import SerialSettings
from station.messages.topics import TopicLevel
from station.upkeep.settings import ServiceSettings

MAX_SLOTS = 8
"""Slots of one multi-jig (MP155 Preliminary Impact Assessment 6.2.2)."""

StartPolicy = Literal["seated", "lid", "button"]
"""When work on a seated hub begins: at once, when the lid is closed, or when the start button is pressed."""


def _slot_number(key: object) -> int:
    """Read a slot's number, which TOML, whose keys are texts, writes as a text."""
    for number in range(1, MAX_SLOTS + 1):
        if key in (number, str(number)):
            return number
    raise ValueError(f"a multi-jig has slots 1 to {MAX_SLOTS}, {key} is none of them")


class ScannerSettings(SerialSettings):
    """A label scanner on a serial port."""

    port: str = Field(description="the scanner's place, like a slot's")
    baud: int = Field(9_600, ge=1_200, le=12_000_000, description="Line rate in bits a second.")


class JigSettings(BaseModel):
    """One multi-jig of up to eight slots."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: TopicLevel = Field(description="what is written on the jig; a topic level")
    driver: str = Field("smp", description="the hub driver, by its entry point's name in `reflash.drivers`")
    driver_settings: dict[str, Any] = Field(
        default_factory=dict, description="settings of that driver; `reflash doctor` names the unknown ones"
    )
    board: JigBoardSettings | None = Field(
        None, description="the jig's I/O board; without one, presence is whether a hub answers"
    )
    scanner: ScannerSettings | None = Field(
        None, description="the jig's own label scanner; labels can also be scanned into `reflash watch`"
    )
    start: StartPolicy = Field(
        "seated",
        description="with a board: begin with each hub once `seated`, on `lid` closed, or on `button`",
    )
    recognition_seconds: Annotated[float, Field(gt=0)] = Field(
        30.0, description="with a board: how long a seated hub may take to say who it is, its boot included"
    )
    slots: dict[Annotated[int, BeforeValidator(_slot_number)], str] = Field(
        default_factory=dict,
        description="slot number, 1 to 8, to the place of its hub; `reflash jigs bind` writes it",
    )

    service: tuple[ServiceSettings, ...] = Field(
        (),
        description="parts that wear out, and checks that come again; `reflash jigs upkeep` says what is due",
    )

    @model_validator(mode="after")
    def _each_service_once(self) -> Self:
        named = [item.what for item in self.service]
        if twice := {what for what in named if named.count(what) > 1}:
            raise ValueError(
                f"{', '.join(sorted(twice))} stands twice under [[jigs.service]] of jig {self.name}; give each a name of its own"
            )
        return self

    @model_validator(mode="after")
    def _start_needs_a_board(self) -> Self:
        if self.board is None and self.start != "seated":
            raise ValueError(f"start = {self.start!r} needs a board, and jig {self.name} has none")
        return self

    @model_validator(mode="after")
    def _board_serves_every_slot(self) -> Self:
        if self.board is not None and max(self.slots, default=0) > self.board.slots:
            raise ValueError(
                f"slot {max(self.slots)} is none of its board's, which serves {self.board.slots};"
                " correct slots under [jigs.board], or the jig's"
            )
        return self
