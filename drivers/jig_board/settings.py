"""Settings of a jig's board, with the register map that says where on the board everything is.

The makers' maps are unpublished, so the map is configuration; the defaults are those of the simulated board.
Addresses are the protocol's own, counted from 0: a manual's "input register 30001" is address 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from drivers.serial_link import SerialSettings

MAX_SLOTS = 8
"""Slots of one multi-jig (MP155 Preliminary Impact Assessment 6.2.2)."""

NEAR_REGISTERS = 2 * MAX_SLOTS
"""So many registers are read where fewer are needed, rather than to ask twice."""

LONGEST_ANSWER_SECONDS = 1.0
"""No board may take longer for an answer: its inputs could not be watched."""

MAX_BITS_IN_A_REQUEST = 2000
MAX_REGISTERS_IN_A_REQUEST = 125
"""Both limits: MODBUS Application Protocol Specification V1.1b3, 6.1 to 6.4."""

Address = Annotated[int, Field(ge=0, le=0xFFFF)]


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


AddressOrNone = Annotated[Address | None, BeforeValidator(_none_if_empty)]
"""TOML has no word for nothing, so an empty text says it."""

InputName = Literal["presence", "lid_closed", "start_button", "emergency_stop"]


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive addresses of one Modbus table, read in one request."""

    first: int
    count: int

    @property
    def end(self) -> int:
        """The first address after the block."""
        return self.first + self.count


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RegisterMap(_Section):
    """Where on the board everything is. "One a slot" means consecutive addresses, slot 1 first."""

    presence: Address = Field(0, description="discrete inputs, one a slot: 1 while a hub sits in the slot")
    lid_closed: AddressOrNone = Field(
        8, description='discrete input: 1 while the lid is closed; "" for a jig without a lid'
    )
    start_button: AddressOrNone = Field(
        9, description='discrete input: 1 while pressed; "" for a jig without a button'
    )
    emergency_stop: Address = Field(10, description="discrete input: 1 while the emergency stop is pressed")
    inverted: frozenset[InputName] = Field(
        frozenset(), description="the discrete inputs whose 0 means what is said of their 1"
    )
    power: Address = Field(0, description="coils, one a slot: 1 powers the slot")
    lamps: Address = Field(
        0, description="holding registers, one a slot: 0 dark, 1 blue, 2 green, 3 red, 4 amber"
    )
    heartbeat: Address = Field(
        8, description="holding register: the station counts in it; 0 after the board was switched on"
    )
    slot_current: Address = Field(0, description="input registers, one a slot: current in mA")
    supply_voltage: Address = Field(8, description="input register: supply in mV")
    scan_counter: Address = Field(
        9, description="input register: counts the board's own input scans, and wraps; moves while it lives"
    )
    serial_number: Address = Field(
        10, description="2 input registers, high word first: the board's serial number"
    )
    firmware_version: Address = Field(
        12, description="input register: firmware version, major in the high byte, minor in the low one"
    )
    insertions: AddressOrNone = Field(
        16,
        description='2 input registers a slot, high word first: how often a hub was seated; "" if not counted',
    )

    @model_validator(mode="before")
    @classmethod
    def _known_names(cls, data: Any) -> Any:
        for name in data if isinstance(data, dict) else ():
            if name not in cls.model_fields:
                known = ", ".join(field for field in cls.model_fields if field != "inverted")
                raise ValueError(f"the board has no register called {name}; the names are {known}")
        return data


class BoardLineSettings(SerialSettings):
    """How a board's port is opened. Modbus itself asks for even parity; many boards go without."""

    echo: bool = Field(
        default=False,
        description="Whether the RS-485 adapter hears itself: each question comes back before its answer.",
    )

    stall_seconds: float = Field(
        default=1.0, gt=0, description="How long the port may refuse every byte before they are thrown away."
    )


class JigBoardSettings(_Section):
    """One jig's I/O board: its line, its register map, and how patient the station is with it."""

    port: str = Field(description="serial port of the board, best by path: /dev/serial/by-path/...")
    device_id: Annotated[int, Field(ge=1, le=247)] = Field(1, description="Modbus device address")
    line: BoardLineSettings = Field(default_factory=BoardLineSettings, description="how the port is opened")
    slots: Annotated[int, Field(ge=1, le=MAX_SLOTS)] = Field(
        MAX_SLOTS, description="slots that the board serves"
    )
    registers: RegisterMap = Field(
        default_factory=RegisterMap, description="where everything is on the board"
    )
    serial_number: int | None = Field(None, description="the only board accepted here; left out, any is")
    poll_seconds: Annotated[float, Field(ge=0.01, le=0.05)] = Field(
        0.05, description="time between two looks at the inputs"
    )
    debounce_seconds: Annotated[float, Field(ge=0, le=1)] = Field(
        0.1, description="how long an input must have stood still to be believed"
    )
    answer_seconds: Annotated[float, Field(ge=0.02, le=LONGEST_ANSWER_SECONDS)] = Field(
        0.1, description="how long the board may take to answer"
    )
    failures_to_lose: Annotated[int, Field(ge=1, le=20)] = Field(
        3, description="looks at the inputs that fail in a row before the board counts as lost"
    )
    heartbeat_seconds: Annotated[float, Field(ge=0.1, le=10)] = Field(
        1.0, description="time between two heartbeats, and between two looks at currents and scan counter"
    )
    watchdog_seconds: Annotated[float, Field(ge=0.2, le=60)] = Field(
        5.0, description="time without a heartbeat after which the board's watchdog acts on the lamps"
    )
    reconnect_seconds: Annotated[float, Field(ge=0.1, le=60)] = Field(
        5.0, description="longest pause between two attempts to reach a lost board"
    )
    hub_milliamperes: Annotated[int, Field(ge=1)] = Field(
        20, description="a powered hub draws at least this; less, or more without a hub, contradicts presence"
    )

    @model_validator(mode="after")
    def _map_is_sound(self) -> Self:
        for table, areas in self._tables().items():
            in_order = sorted(areas.items(), key=lambda area: area[1].first)
            for name, block in in_order:
                if block.end > 0x10000:
                    raise ValueError(f"{name} reaches beyond address 65535 of the {table}")
            for (lower, block), (upper, following) in pairwise(in_order):
                if following.first < block.end:
                    raise ValueError(
                        f"{lower} ({_span(block)}) and {upper} ({_span(following)}) overlap"
                        f" among the {table} of {self.slots} slots"
                    )
        for what, block, limit in (
            ("discrete inputs", self.inputs_block, MAX_BITS_IN_A_REQUEST),
            (
                "slot_current, supply_voltage and scan_counter",
                self.measurements_block,
                MAX_REGISTERS_IN_A_REQUEST,
            ),
            ("serial_number and firmware_version", self.identity_block, MAX_REGISTERS_IN_A_REQUEST),
        ):
            if block.count > limit:
                raise ValueError(
                    f"{what} span {_span(block)}, {block.count} addresses; one request reads at most {limit}"
                )
        if self.watchdog_seconds < 2 * self.heartbeat_seconds:
            raise ValueError(
                f"watchdog_seconds ({self.watchdog_seconds}) must be at least twice heartbeat_seconds"
                f" ({self.heartbeat_seconds})"
            )
        return self

    @property
    def inputs_block(self) -> Block:
        """All discrete inputs."""
        return _around(self._tables()["discrete inputs"].values())

    @property
    def measurements_block(self) -> Block:
        """The input registers that are read again and again."""
        areas = self._tables()["input registers"]
        return _around(areas[name] for name in ("slot_current", "supply_voltage", "scan_counter"))

    @property
    def heartbeat_block(self) -> Block:
        """The heartbeat, and the lamps where they are near: reading them back costs no request of its own then."""
        areas = self._tables()["holding registers"]
        both = _around(areas.values())
        return both if both.count <= NEAR_REGISTERS else areas["heartbeat"]

    @property
    def identity_block(self) -> Block:
        """The input registers that say which board this is."""
        areas = self._tables()["input registers"]
        return _around(areas[name] for name in ("serial_number", "firmware_version"))

    def _tables(self) -> dict[str, dict[str, Block]]:
        at, slots = self.registers, self.slots
        return {
            "discrete inputs": {
                "presence": Block(at.presence, slots),
                "emergency_stop": Block(at.emergency_stop, 1),
                **({} if at.lid_closed is None else {"lid_closed": Block(at.lid_closed, 1)}),
                **({} if at.start_button is None else {"start_button": Block(at.start_button, 1)}),
            },
            "coils": {"power": Block(at.power, slots)},
            "holding registers": {"lamps": Block(at.lamps, slots), "heartbeat": Block(at.heartbeat, 1)},
            "input registers": {
                "slot_current": Block(at.slot_current, slots),
                "supply_voltage": Block(at.supply_voltage, 1),
                "scan_counter": Block(at.scan_counter, 1),
                "serial_number": Block(at.serial_number, 2),
                "firmware_version": Block(at.firmware_version, 1),
                **({} if at.insertions is None else {"insertions": Block(at.insertions, 2 * slots)}),
            },
        }


def _around(blocks: Iterable[Block]) -> Block:
    every = tuple(blocks)
    first = min(block.first for block in every)
    return Block(first, max(block.end for block in every) - first)


def _span(block: Block) -> str:
    return str(block.first) if block.count == 1 else f"{block.first} to {block.end - 1}"
