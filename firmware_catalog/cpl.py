"""The Central Products List (CPL): which firmware the Smart Energy Code's administrator lists, and in which state.

The list's column layout is not published here, so a CSV of it is imported by columns that the configuration names,
and kept as `{"format": "reflash-cpl-1", ...}`.
"""

from __future__ import annotations

import csv
import io
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from firmware_catalog.errors import ImageHashMismatch, ProductNotActive, ProductsListError
from firmware_catalog.files import read_regular_file, replace_file
from firmware_catalog.identity import DeviceModel, FirmwareVersion
from firmware_catalog.locking import locked

_MAX_FILE_SIZE: Final = 64 * 1024 * 1024
_FAULTS_SHOWN: Final = 5
_PATIENCE_SECONDS: Final = 10.0
"""How long another import is waited for, which writes one file."""

ColumnName = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProductStatus(StrEnum):
    """The states that the Smart Energy Code gives an entry."""

    ACTIVE = "Active"
    CANCELLED = "Cancelled"
    EXPIRED = "Expired"
    WITHDRAWN = "Withdrawn"


class ProductColumns(_Record):
    """Which column of the CSV says what. Names are compared without regard to case and surrounding space."""

    manufacturer: ColumnName = Field("Manufacturer", description="DeviceManufacturer")
    model: ColumnName = Field("Model", description="DeviceModel")
    firmware_version: ColumnName = Field("Firmware Version", description="8 hex digits")
    image_hash: ColumnName = Field("Manufacturer Image Hash", description="SHA-256 as 64 hex digits")
    status: ColumnName = Field("Status", description="Active, Cancelled, Expired or Withdrawn")


class Product(_Record):
    """One firmware version of one model, as listed. A version may be listed more than once."""

    model: DeviceModel
    version: FirmwareVersion
    image_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """Manufacturer Image Hash."""
    status: ProductStatus


class CentralProductsList(_Record):
    """The list as imported."""

    format: Literal["reflash-cpl-1"] = "reflash-cpl-1"
    products: tuple[Product, ...]

    @model_validator(mode="after")
    def _nothing_twice(self) -> Self:
        seen: set[tuple[DeviceModel, FirmwareVersion, str]] = set()
        for each in self.products:
            key = (each.model, each.version, each.image_hash)
            if key in seen:
                raise ValueError(f"{each.model} {each.version} is listed twice with the same hash")
            seen.add(key)
        return self

    @cached_property
    def _listed(self) -> dict[tuple[DeviceModel, FirmwareVersion], list[Product]]:
        found: dict[tuple[DeviceModel, FirmwareVersion], list[Product]] = {}
        for each in self.products:
            found.setdefault((each.model, each.version), []).append(each)
        return found

    def check(self, model: DeviceModel, version: FirmwareVersion, image_hash: bytes) -> None:
        """Return if the list has this version with this Manufacturer Image Hash as active.

        Raises ProductNotActive when it has the version not at all or in another state, ImageHashMismatch when with
        another hash.
        """
        listed = self._listed.get((model, version))
        if not listed:
            raise ProductNotActive(
                f"the Central Products List has no {model} {version}",
                "import a newer list, or withdraw the release",
            )
        same = next((each for each in listed if each.image_hash == image_hash.hex()), None)
        if same is None:
            raise ImageHashMismatch(
                f"the Central Products List has {model} {version} with Manufacturer Image Hash "
                f"{listed[0].image_hash[:16]}…, the image has {image_hash.hex()[:16]}…",
                "get the listed image",
            )
        if same.status is not ProductStatus.ACTIVE:
            raise ProductNotActive(
                f"the Central Products List has {model} {version} as {same.status}", "withdraw the release"
            )

    def has_active(self, model: DeviceModel, version: FirmwareVersion, image_hash: bytes) -> bool:
        """Whether `check` finds nothing wrong."""
        try:
            self.check(model, version, image_hash)
        except (ProductNotActive, ImageHashMismatch):
            return False
        return True

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a list that `save` wrote. Raises ProductsListError."""
        try:
            return cls.model_validate_json(_read(path))
        except ValidationError as error:
            raise ProductsListError(
                f"{path} is no imported Central Products List",
                "import it again with 'reflash catalog import-cpl'",
            ) from error

    def save(self, path: Path) -> None:
        """Replace `path` with this list as one act, one import after the other.

        Raises ProductsListError, CatalogBusy when another import takes too long, CatalogError where there is no folder.
        """
        data = self.model_dump_json(indent=1).encode() + b"\n"
        with locked(path.parent, _PATIENCE_SECONDS):
            try:
                replace_file(path, data)
            except OSError as error:
                raise ProductsListError(
                    f"{path} cannot be written: {error.strerror}", "the list is as it was"
                ) from error


class ProductsFile:
    """An imported list that is looked at again and again: the last good one stands until there is another."""

    def __init__(self, path: Path) -> None:
        """Read it. Raises ProductsListError."""
        self._path = path
        self._stamp: tuple[int, ...] | None = None
        self.fault: str | None = None
        """Why the file cannot be read now, if it cannot; `current` is then what it said before."""
        self.current = self._read_again()

    def look(self) -> CentralProductsList:
        """Return the list as it is now, the last good one where there is a `fault`. Blocks."""
        try:
            self.current = self._read_again()
            self.fault = None
        except ProductsListError as error:
            self.fault = str(error)
        return self.current

    def _read_again(self) -> CentralProductsList:
        try:
            status = self._path.stat()
        except OSError as error:
            raise ProductsListError(
                f"{self._path} cannot be read: {error.strerror}", "name the right file"
            ) from error
        stamp = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)
        if stamp != self._stamp:
            self._stamp = None
            products = CentralProductsList.load(self._path)
            self._stamp = stamp
            return products
        return self.current


def import_products(path: Path, columns: ProductColumns) -> CentralProductsList:
    """Read a CSV file (UTF-8, with or without byte order mark), whole or not at all. Other columns are ignored.

    Raises ProductsListError that names the first wrong lines.
    """
    try:
        text = _read(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProductsListError(f"{path} is not UTF-8", "save it as CSV in UTF-8") from error
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    products: list[Product] = []
    faults: list[str] = []
    try:
        places = _places(path, next(rows, []), columns)
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            try:
                products.append(_product(row, places))
            except ValueError as error:
                faults.append(f"line {rows.line_num}: {error}")
    except csv.Error as error:
        raise ProductsListError(
            f"{path} line {rows.line_num} is no CSV: {error}", "save it as CSV again"
        ) from error
    if faults:
        more = f" (and {len(faults) - _FAULTS_SHOWN} more)" if len(faults) > _FAULTS_SHOWN else ""
        raise ProductsListError(f"{path}: {'; '.join(faults[:_FAULTS_SHOWN])}{more}", "correct the file")
    if not products:
        raise ProductsListError(f"{path} lists nothing", "name the list's CSV file")
    try:
        return CentralProductsList(products=tuple(products))
    except ValidationError as error:
        raise ProductsListError(f"{path}: {error.errors()[0]['msg']}", "correct the file") from error


def _places(path: Path, header: list[str], columns: ProductColumns) -> dict[str, int]:
    """Find each mapped column in the header row."""
    found = [name.strip().casefold() for name in header]
    wanted: dict[str, str] = columns.model_dump()
    missing = [name for name in wanted.values() if name.casefold() not in found]
    if missing:
        raise ProductsListError(
            f"{path} has no column {', '.join(missing)} (it has {', '.join(header)[:200] or 'none'})",
            "map the columns in the configuration",
        )
    twice = [name for name in wanted.values() if found.count(name.casefold()) > 1]
    if twice:
        raise ProductsListError(f"{path} has column {', '.join(twice)} more than once", "leave one of them")
    return {field: found.index(name.casefold()) for field, name in wanted.items()}


def _product(row: list[str], places: dict[str, int]) -> Product:
    """Read one row. Raises ValueError that says what is wrong with it."""
    try:
        cell = {field: row[place].strip() for field, place in places.items()}
    except IndexError:
        raise ValueError("it has too few columns") from None
    image_hash = cell["image_hash"].lower().replace(" ", "").removeprefix("0x")
    if len(image_hash) != 64 or not set(image_hash) <= set("0123456789abcdef"):
        raise ValueError(f"{cell['image_hash'][:80]!r} is no SHA-256 (64 hex digits)")
    status = next((each for each in ProductStatus if each.casefold() == cell["status"].casefold()), None)
    if status is None:
        raise ValueError(f"{cell['status'][:40]!r} is no status ({', '.join(ProductStatus)})")
    return Product(
        model=DeviceModel(cell["manufacturer"], cell["model"]),
        version=FirmwareVersion.parse(cell["firmware_version"]),
        image_hash=image_hash,
        status=status,
    )


def _read(path: Path) -> bytes:
    try:
        return read_regular_file(path, _MAX_FILE_SIZE)
    except OSError as error:
        raise ProductsListError(f"{path} cannot be read: {error.strerror}", "name the right file") from error
