"""An extract of the Smart Metering Inventory: what it holds of each hub. **Provisional**: the real form is unpublished.

Ours is assumed to be a table, CSV or XLSX, one line a hub, whose columns the configuration maps (`extract_columns`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from inventory.errors import WrongInput
from inventory.requests.sheet import Cell, Sheet, heading
from station.domain.device_status import DeviceStatus


class ExtractColumns(BaseModel):
    """How the extract's headings are called. Provisional."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chf_id: str = Field("chf_id", description="the Communications Hub Function's id")
    gpf_id: str = Field("gpf_id", description="the Gas Proxy Function's id")
    manufacturer: str = Field("manufacturer", description="DeviceManufacturer")
    model: str = Field("model", description="DeviceModel")
    firmware_version: str = Field("firmware_version", description="the version that the inventory holds")
    device_status: str = Field("device_status", description="DeviceStatus, spelt exactly")
    owner: str = Field("owner", description="the party that it is registered to")
    region: str = Field("region", description="Central, South, North or their 4G variants")
    han_variant: str = Field("han_variant", description="SBCH, DBCH")
    chts_version: str = Field("chts_version", description="SMETSCHTSVersion")
    extract_taken: str = Field(
        "extract_taken", description="when the extract was taken, with its zone; need not be there"
    )


@dataclass(frozen=True, slots=True)
class Registered:
    """What the inventory holds of a hub."""

    chf: Eui64
    gpf: Eui64
    model: DeviceModel
    firmware: FirmwareVersion
    status: str
    owner: str
    region: str
    han_variant: str
    chts_version: str
    taken: datetime | None
    """When the extract was taken, where that is said."""


_CLOCKS_DIFFER: Final = timedelta(minutes=5)
_few_values = lru_cache(maxsize=256)
"""An extract repeats its few models, parties and versions on every line: read each once, hold each once."""


@_few_values
def _text(value: str) -> str:
    if not value or len(value) > 100 or not value.isprintable():
        raise ValueError("is not 1 to 100 printable characters")
    return value


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "chf_id": Eui64.parse,
    "gpf_id": Eui64.parse,
    "manufacturer": _text,
    "model": _text,
    "firmware_version": _few_values(FirmwareVersion.parse),
    "device_status": _few_values(lambda value: DeviceStatus(value).value),
    "owner": _text,
    "region": _text,
    "han_variant": _text,
    "chts_version": _text,
}


@_few_values
def _model(manufacturer: str, model: str) -> DeviceModel:
    return DeviceModel(manufacturer, model)


def look_up(
    sheet: Sheet, columns: ExtractColumns, wanted: Collection[Eui64], taken: datetime | None = None
) -> dict[Eui64, Registered]:
    """Return what the extract says of each hub of which either id is wanted, by both its ids.

    `taken` is when somebody says that it was taken, where it does not say so itself. Raises WrongInput for a line of such a hub that cannot
    be read, and for an id that stands there twice.
    """
    headings = {name: getattr(columns, name) for name in _READERS}
    names = {name: heading(text) for name, text in headings.items()}
    said_in = heading(columns.extract_taken)
    found: dict[Eui64, Registered] = {}
    for line, row in sheet.rows(list(names.values())):
        ids = [_id_or_none(row[names[name]]) for name in ("chf_id", "gpf_id")]
        if not any(each in wanted for each in ids):
            continue
        cells = {name: row[column] for name, column in names.items()}
        when = _taken(sheet, line, row.get(said_in), taken)
        hub = _registered(sheet, line, cells, headings, when)
        for each in (hub.chf, hub.gpf):
            if each in found:
                raise WrongInput(
                    f"{sheet.name}, line {line}: {each} stands there twice; ask for another extract"
                )
            found[each] = hub
    return found


def require_taken(sheet: Sheet, registered: Mapping[Eui64, Registered], now: datetime) -> None:
    """Raise WrongInput unless it is said of each of these hubs when the extract was taken, and that is past."""
    for hub in registered.values():
        if hub.taken is None:
            raise WrongInput(
                f"{sheet.name} does not say when it was taken; say it: --taken 2026-11-02T08:00Z"
            )
        if hub.taken > now + _CLOCKS_DIFFER:
            raise WrongInput(f"{sheet.name} was taken at {hub.taken:%Y-%m-%dT%H:%MZ}, which is still to come")


@_few_values
def moment_of(text: str) -> datetime:
    """Return a moment by 2026-11-02T08:00Z or the like. Raises ValueError."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{text[:40]!r} is no moment with its zone, as 2026-11-02T08:00Z")


def _taken(sheet: Sheet, line: int, cell: Cell | None, said: datetime | None) -> datetime | None:
    try:
        text = "" if cell is None else cell.meant()
        stated = moment_of(text) if text else None
    except ValueError as error:
        raise WrongInput(f"{sheet.name}, line {line}: {error}; ask for another extract") from error
    if stated is not None and said is not None:
        raise WrongInput(f"{sheet.name} says itself when it was taken; leave out --taken")
    return stated or said


def _id_or_none(cell: Cell) -> Eui64 | None:
    try:
        return Eui64.parse(cell.meant())
    except ValueError:
        return None


def _registered(
    sheet: Sheet,
    line: int,
    cells: Mapping[str, Cell],
    headings: Mapping[str, str],
    taken: datetime | None,
) -> Registered:
    values: dict[str, Any] = {}
    for name, read in _READERS.items():
        try:
            values[name] = read(cells[name].meant())
        except ValueError as error:
            raise WrongInput(
                f"{sheet.name}, line {line}: {headings[name]}: {error}; ask for another extract"
            ) from error
    try:
        model = _model(values["manufacturer"], values["model"])
    except ValueError as error:
        raise WrongInput(f"{sheet.name}, line {line}: {error}") from error
    return Registered(
        chf=values["chf_id"],
        gpf=values["gpf_id"],
        model=model,
        firmware=values["firmware_version"],
        status=values["device_status"],
        owner=values["owner"],
        region=values["region"],
        han_variant=values["han_variant"],
        chts_version=values["chts_version"],
        taken=taken,
    )
