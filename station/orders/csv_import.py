"""Work orders from CSV: the whole file is good, or nothing of it is taken and every fault has its line.

A file lists hubs, or bridges in whole sets; never both.

The file is CSV as RFC 4180 has it: commas, fields quoted where need be, one line of headings. UTF-8, with or
without a byte-order mark; any line ends. Headings may stand in any order, in either case, with spaces, hyphens or
underscores between their words; `csv_columns` names them. Columns by other names are ignored.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from firmware_catalog.devices import Family
from firmware_catalog.identity import Eui64
from station.domain.order_line import BridgeLine, ListedDevice, OrderLine
from station.domain.printable import printable
from station.orders.csv_columns import MORE_COLUMNS, NEEDED, ORDER_HUBS, ORDER_NUMBER, READERS, read_text
from station.orders.errors import OrderFileRefused, Problem

PROBLEMS_SHOWN: Final = 20
"""So many of a file's faults are told; all are counted."""

MAX_FILE_SIZE: Final = 64 * 1024 * 1024
"""Bytes that a caller reads at most: more than 400,000 hubs."""


@dataclass(frozen=True, slots=True)
class OrderFile:
    """A work order as its file states it, found good."""

    number: str
    source: str
    """The file's name, without its folder."""
    sha256: str
    """Of the file's bytes, lower-case hex."""
    lines: tuple[ListedDevice, ...]
    ignored_columns: tuple[str, ...]
    """Headings that mean nothing here, as the file writes them."""


def parse_order(data: bytes, source: str, number: str | None = None) -> OrderFile:
    """Read a work order from its file's bytes. `number` is the order's where the file has no such column.

    Takes seconds on 100,000 lines: not for the event loop. Raises OrderFileRefused, and only that.
    """
    source = printable(source)  # to the system names are bytes, and may hold any
    problems = _Problems(source)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problems.add(line, f"byte {data[error.start]:#04x} is not UTF-8: save the file as CSV in UTF-8")
        raise problems.refusal() from None
    if (at := text.find("\0")) >= 0:
        problems.add(
            text.count("\n", 0, at) + 1,
            "a NUL, as no text has, but UTF-16 does: save the file as CSV in UTF-8",
        )
        raise problems.refusal()
    if number is not None:
        try:
            number = read_text(number.strip())
        except ValueError as error:
            problems.add(1, f"the order number given for the file {error}")
    rows = _rows(text, problems)
    first = next(rows, None)
    if first is None:
        problems.add(1, "the file is empty: it needs a line of headings and a line for each hub")
        raise problems.refusal()
    header = _Header.read(*first, problems)
    if number is None and ORDER_NUMBER not in header.at:
        problems.add(
            first[0], f"there is no column {ORDER_NUMBER}, and no order number was given for the file"
        )
    problems.refuse_any()
    reader = _OrderReader(header, number or "", problems)
    line, listed = first[0], 0
    for listed, (line, row) in enumerate(rows, 1):  # noqa: B007 - where it ends is told
        reader.take(line, row)
    reader.check_hubs(line, listed)
    if not problems.count:  # a line that cannot be read would be missed in its set, too
        reader.check_sets()
    if not reader.lines and not problems.count:
        problems.add(first[0], "no hub is listed below the headings")
    problems.refuse_any()
    return OrderFile(
        number=reader.number,
        source=source,
        sha256=hashlib.sha256(data).hexdigest(),
        lines=tuple(reader.lines),
        ignored_columns=header.ignored,
    )


@dataclass(slots=True)
class _Problems:
    """Counts every fault, keeps the first few."""

    source: str
    count: int = 0
    first: list[Problem] = field(default_factory=list)

    def add(self, line: int, what: str) -> None:
        self.count += 1
        if len(self.first) < PROBLEMS_SHOWN:
            self.first.append(Problem(line, what))

    def refusal(self) -> OrderFileRefused:
        return OrderFileRefused(self.source, tuple(self.first), self.count)

    def refuse_any(self) -> None:
        if self.count:
            raise self.refusal()


def _rows(text: str, problems: _Problems) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank, with the line it starts on and its fields stripped."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = [value.strip() for value in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            problems.add(line, f"no CSV from here on ({error}): check the quotation marks")
            return
        if any(row):
            yield line, row


@dataclass(frozen=True, slots=True)
class _Header:
    """Which column stands where."""

    family: Family
    at: Mapping[str, int]
    width: int
    ignored: tuple[str, ...]

    @classmethod
    def read(cls, line: int, row: list[str], problems: _Problems) -> _Header:
        at: dict[str, int] = {}
        unknown: list[str] = []
        names = [re.sub(r"[\s_-]+", "_", heading.casefold()) for heading in row]
        of_hubs = [name for name in ("chf_id", "gpf_id") if name in names]
        is_of_bridges = "bridge_type" in names or ("device_id" in names and not of_hubs)
        family = Family.BRIDGE if is_of_bridges else Family.HUB
        if is_of_bridges and of_hubs:
            problems.add(
                line,
                f"columns {', '.join(of_hubs)} of hubs beside those of bridges: an order lists hubs or bridges, "
                "never both; give each an order of its own",
            )
            raise problems.refusal()
        for position, (heading, name) in enumerate(zip(row, names, strict=True)):
            if name not in READERS[family] and name not in (ORDER_NUMBER, ORDER_HUBS):
                unknown.append(heading)
            elif name in at:
                problems.add(line, f"column {name} is there twice")
            else:
                at[name] = position
        missing = [name for name in NEEDED[family] if name not in at]
        if missing:
            hint = ""
            if len(row) == 1:
                hint = "; columns are separated by commas"
            elif unknown:
                shown = ", ".join(repr(heading[:40]) for heading in unknown[:PROBLEMS_SHOWN])
                hint = f"; not understood: {shown}"
            problems.add(line, f"no column {', '.join(missing)}{hint}")
        return cls(family, at, len(row), tuple(heading for heading in unknown if heading))


class _OrderReader:
    """Turns rows into order lines, and knows which ids were seen where."""

    def __init__(self, header: _Header, number: str, problems: _Problems) -> None:
        self.lines: list[ListedDevice] = []
        self.number = number
        self._header = header
        self._problems = problems
        self._seen: dict[Eui64, tuple[int, str]] = {}
        self._hubs_stated: set[str] = set()
        self._sets: dict[str, list[tuple[int, BridgeLine]]] = {}
        """The bridges of each premises, and where they are listed."""

    def take(self, line: int, row: list[str]) -> None:
        """Read one row; whatever is wrong with it becomes a problem."""
        if len(row) != self._header.width:
            self._problems.add(line, f"{len(row)} fields under {self._header.width} headings")
            return
        values: dict[str, Any] = {}
        faults = self._problems.count
        for heading, (name, read) in READERS[self._header.family].items():
            position = self._header.at.get(heading)
            if position is None or (heading in MORE_COLUMNS and not row[position]):
                continue
            try:
                values[name] = read(row[position])
            except ValueError as error:
                self._problems.add(line, f"{heading}: {error}")
        is_whole = self._problems.count == faults
        if (position := self._header.at.get(ORDER_HUBS)) is not None:
            self._hubs_stated.add(row[position])
        self._check_number(line, row)
        for name, role in (("chf", "CHF"), ("gpf", "GPF"), ("device_id", "bridge")):
            if name in values:
                self._check_first_use(line, values[name], role)
        if not is_whole:
            return
        if self._header.family is Family.HUB:
            self.lines.append(OrderLine(**values))
        else:
            bridge = BridgeLine(**values)
            self.lines.append(bridge)
            self._sets.setdefault(bridge.premises, []).append((line, bridge))

    def check_sets(self) -> None:
        """See that each premises' set is there whole, and goes back to one party."""
        for premises, members in self._sets.items():
            line, first = members[0]
            for at, other in members[1:]:
                for what, own, now in (
                    ("set_members", first.set_members, other.set_members),
                    ("owner_party", first.owner, other.owner),
                ):
                    if own != now:
                        self._problems.add(
                            at,
                            f"{what}: {now} where line {line} says {own} of the same premises, {premises!r}",
                        )
            if len(members) != first.set_members:
                lines = ", ".join(str(at) for at, _ in members)
                self._problems.add(
                    line,
                    f"premises {premises!r} has a set of {first.set_members} bridges, and {len(members)} are listed "
                    f"(line {lines}): sets are re-flashed whole",
                )

    def check_hubs(self, line: int, listed: int) -> None:
        """Hold how many hubs were listed, up to this line, against what the lines themselves say."""
        if self._hubs_stated and self._hubs_stated != {str(listed)}:
            stated = ", ".join(repr(each[:40]) for each in sorted(self._hubs_stated)[:PROBLEMS_SHOWN])
            self._problems.add(
                line, f"{ORDER_HUBS}: {listed} hubs where the lines say {stated}: the file is not whole"
            )

    def _check_number(self, line: int, row: list[str]) -> None:
        position = self._header.at.get(ORDER_NUMBER)
        if position is None:
            return
        try:
            stated = read_text(row[position])
        except ValueError as error:
            self._problems.add(line, f"{ORDER_NUMBER}: {error}")
            return
        if not self.number:
            self.number = stated
        elif stated != self.number:
            self._problems.add(
                line,
                f"{ORDER_NUMBER}: {stated!r} where the order is {self.number!r}: import one order at a time",
            )

    def _check_first_use(self, line: int, device: Eui64, role: str) -> None:
        earlier = self._seen.setdefault(device, (line, role))
        if earlier != (line, role):
            self._problems.add(line, f"{device} as {role} is already on line {earlier[0]} as {earlier[1]}")
