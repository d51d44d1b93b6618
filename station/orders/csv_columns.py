"""What stands in an order file's columns: each heading's field of an order's line, and what reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from firmware_catalog.devices import BridgeType, Family
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from station.domain.device_status import DeviceStatus

ORDER_NUMBER: Final = "order_number"
"""The column that may state the order's number, the same on every line."""

ORDER_HUBS: Final = "order_hubs"
"""The column that may state how many hubs the order has, the same on every line: a file that lacks some is not whole."""

_MAX_TEXT: Final = 100

_few_values = lru_cache(maxsize=256)
"""An order repeats its few models, parties and versions on every line: read each once, hold each once."""


_AS_A_NUMBER: Final = re.compile(r"\d(?:[.,]\d+)?E\+?\d+", re.IGNORECASE)
"""How spreadsheets write a long number: `1.23E+15`, `8,87E+15`."""

_WHOLE_NUMBER: Final = re.compile(r"\d+(?:[.,]0+)?", re.ASCII)


def _no_number(read: Callable[[str], Any], digits: int) -> Callable[[str], Any]:
    """Read an id of so many digits, and say so where a spreadsheet has made a number of it: then it cannot be had back."""

    def reader(value: str) -> Any:
        try:
            return read(value)
        except ValueError as error:
            whole = _WHOLE_NUMBER.fullmatch(value)
            lost = "its digits" if _AS_A_NUMBER.fullmatch(value) else "leading zeros" if whole else None
            if lost is None or (whole and len(value) > digits):
                raise
            raise ValueError(
                f"{value[:40]!r} is what a spreadsheet makes of {digits} digits that it takes for a number, {lost} gone: "
                "have the file written anew, with this column as text"
            ) from error

    return reader


def _name(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Read a name that is opaque, but no number in the way that only spreadsheets write one."""

    def reader(value: str) -> Any:
        if _AS_A_NUMBER.fullmatch(value) and "+" in value:
            raise ValueError(
                f"{value[:40]!r} is what a spreadsheet makes of digits that it takes for a number: have the file written "
                "anew, with this column as text"
            )
        return read(value)

    return reader


@_few_values
def read_text(value: str) -> str:
    """Read what is opaque text. Raises ValueError."""
    if not value:
        raise ValueError("is empty")
    if len(value) > _MAX_TEXT or not value.isprintable():
        raise ValueError(f"{value[:40]!r} is not 1 to {_MAX_TEXT} printable characters")
    return value


@_few_values
@_name
def _manufacturer(value: str) -> str:
    return DeviceModel(value, "-").manufacturer


@_few_values
@_name
def _model(value: str) -> str:
    return DeviceModel("-", value).model


@_few_values
def _status(value: str) -> str:
    try:
        return DeviceStatus(value).value
    except ValueError:
        raise ValueError(f"{value[:40]!r} is no inventory status ({', '.join(DeviceStatus)})") from None


_COLUMNS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "chf_id": ("chf", _no_number(Eui64.parse, 16)),
    "gpf_id": ("gpf", _no_number(Eui64.parse, 16)),
    "manufacturer": ("manufacturer", _manufacturer),
    "model": ("model", _model),
    "region": ("region", read_text),
    "variant": ("variant", read_text),
    "recorded_firmware_version": ("recorded_firmware", _few_values(_no_number(FirmwareVersion.parse, 8))),
    "inventory_status": ("inventory_status", _status),
    "owner_party": ("owner", read_text),
}
"""Each heading's field of an `OrderLine`, and what reads it: a function that raises ValueError."""

HEADINGS: Final = tuple(_COLUMNS)
"""The columns that every order file has."""

_MAX_CHTS_VERSION: Final = 20
"""Characters of `SMETSCHTSVersion` in the service request of a pre-notification."""


@_few_values
def _chts_version(value: str) -> str:
    if len(value) > _MAX_CHTS_VERSION:
        raise ValueError(f"{value[:40]!r} has more than {_MAX_CHTS_VERSION} characters")
    return read_text(value)


MORE_COLUMNS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "device_type": ("device_type", read_text),
    "chts_version": ("chts_version", _chts_version),
}
"""Those that a file may have. An empty field says nothing."""


@_few_values
def _bridge_type(value: str) -> BridgeType:
    try:
        return BridgeType(value.upper())
    except ValueError:
        raise ValueError(f"{value[:40]!r} is no type of a bridge ({', '.join(BridgeType)})") from None


@_few_values
def _set_members(value: str) -> int:
    if value not in _SET_SIZES:
        raise ValueError(
            f"{value[:40]!r} is no number of bridges of one premises ({' or '.join(_SET_SIZES)})"
        )
    return int(value)


_SET_SIZES: Final = ("2", "3")
"""Of a premises' bridges: DCC's draft Modification Report on Alt HAN firmware."""

_BRIDGE_COLUMNS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "device_id": ("device_id", _no_number(Eui64.parse, 16)),
    "bridge_type": ("bridge_type", _bridge_type),
    "premises": ("premises", read_text),
    "set_members": ("set_members", _set_members),
    "manufacturer": ("manufacturer", _manufacturer),
    "model": ("model", _model),
    "recorded_firmware_version": ("recorded_firmware", _few_values(_no_number(FirmwareVersion.parse, 8))),
    "owner_party": ("owner", read_text),
}
"""The same of a `BridgeLine`. Provisional: no such list is published."""

BRIDGE_HEADINGS: Final = tuple(_BRIDGE_COLUMNS)
"""The columns that every order file of bridges has."""

READERS: Final = {Family.HUB: {**_COLUMNS, **MORE_COLUMNS}, Family.BRIDGE: _BRIDGE_COLUMNS}
"""Of each family: every column that its files may have."""
NEEDED: Final = {Family.HUB: HEADINGS, Family.BRIDGE: BRIDGE_HEADINGS}
"""Of each family: those that its files must have."""
