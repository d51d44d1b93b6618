"""What stands upstream: how much waits, was sent, is unknown or was refused, each way and option; and what was refused, letter by letter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, false, func, or_, select

from firmware_catalog.identity import Eui64
from inventory.database.tables import hubs, request_hubs, ssmi_files
from inventory.database.upstream_tables import (
    pre_notifications,
    ssmi_rows,
    ssmi_uploads,
)
from inventory.errors import WrongInput
from inventory.pages.lists import Page
from inventory.upstream.corrections import CORRECTABLE
from inventory.upstream.letters import Letter, letters, record_of
from inventory.upstream.overview import told_of
from inventory.upstream.settings import UpstreamSettings

OPTION_A, OPTION_B = "A", "B"
SSMI: Final = "SSMI"
_LETTERS: Final = 50
_HUBS: Final = 100
_FILES: Final = 20
STATES: Final = (
    *("waiting", "unknown", "written", "accepted", "refused"),
    *("again", "replaced", "settled"),
)
"""In which states things are: what waits first, then what was answered, then what people decided."""


@dataclass(frozen=True, slots=True)
class Way:
    """How much is in which state by one way."""

    csp: str
    option: str
    """`A`, pre-notifications (CSPM-N3), or `B`, files for the SSMI."""
    hubs: dict[str, int]
    """By state; `unknown` may have been taken, and nobody has said so."""
    oldest: datetime | None = None
    """When the oldest of those that wait was made."""


def ways(connection: Connection, settings: UpstreamSettings | None) -> list[Way]:
    """Return how much is in which state, by CSP and option."""
    found: dict[tuple[str, str], Way] = {}
    for each in () if settings is None else settings.routes:
        option = OPTION_B if each.n3 is None else OPTION_A
        found[each.csp, option] = Way(each.csp, option, {})
    sent, row = pre_notifications.c, ssmi_rows.c
    for csp, state, doubtful, number in connection.execute(
        select(sent.csp, sent.state, sent.doubtful, func.count()).group_by(
            sent.csp, sent.state, sent.doubtful
        )
    ):
        way = found.setdefault((csp, OPTION_A), Way(csp, OPTION_A, {}))
        name = "unknown" if state == "waiting" and doubtful else state
        way.hubs[name] = way.hubs.get(name, 0) + number
    # Which CSP a row's hub is of, the region of its line says; a hub that was in several requests has several.
    region = select(func.max(request_hubs.c.region)).where(
        request_hubs.c.chf == row.device, request_hubs.c.refused.is_(None)
    )
    for state, of_region, number in connection.execute(
        select(row.state, region.scalar_subquery().label("of_region"), func.count()).group_by(
            row.state, "of_region"
        )
    ):
        route = None if settings is None else settings.route_of(of_region)
        csp = f"no route: {of_region}" if route is None else route.csp
        way = found.setdefault((csp, OPTION_B), Way(csp, OPTION_B, {}))
        way.hubs[state] = way.hubs.get(state, 0) + number
    oldest = dict(
        connection.execute(
            select(sent.csp, func.min(sent.made)).where(sent.state == "waiting").group_by(sent.csp)
        ).all()
    )
    return [
        Way(way.csp, way.option, way.hubs, oldest.get(way.csp) if way.option == OPTION_A else None)
        for way in found.values()
    ]


def list_notifications(
    connection: Connection, csp: str, state: str, after: str | None
) -> Page[Row[*tuple[Any, ...]]]:
    """List the pre-notifications of one way that are in one state, newest first, each with its last answer."""
    sent = pre_notifications.c
    doubtful = state == "unknown"
    chosen = (
        select(sent.id, sent.device, sent.work_order, sent.firmware, sent.made, sent.tries, sent.answer)
        .where(sent.csp == csp, sent.state == ("waiting" if doubtful else state))
        .order_by(sent.id.desc())
    )
    if state in ("waiting", "unknown"):
        chosen = chosen.where(sent.doubtful if doubtful else sent.doubtful == false())
    return _before(connection, chosen, sent.id, after)


def list_rows(connection: Connection, state: str, after: str | None) -> Page[Row[*tuple[Any, ...]]]:
    """List the rows of files for the SSMI that are in one state, those of the newest file first."""
    row = ssmi_rows.c
    chosen = (
        select(row.file, row.device, row.firmware, row.answer, ssmi_files.c.work_order, ssmi_files.c.written)
        .join(ssmi_files, ssmi_files.c.id == row.file)
        .where(row.state == state)
        .order_by(row.file.desc(), row.device)
    )
    if after is not None:
        file, _, device = after.partition("-")
        if not (file.isascii() and file.isdigit() and len(file) < 18):
            raise WrongInput(f"{after[:40]!r} is no place in a list")
        number = int(file)
        chosen = chosen.where(or_(row.file < number, (row.file == number) & (row.device > device)))
    rows = connection.execute(chosen.limit(_HUBS + 1)).all()
    shown = rows[:_HUBS]
    following = f"{shown[-1].file}-{shown[-1].device}" if len(rows) > _HUBS else None
    return Page(shown, following)


def list_files(connection: Connection) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return the newest files for the SSMI, each with what became of its last upload."""
    up, every = ssmi_uploads.c, ssmi_uploads.alias("every").c
    last = select(func.max(every.id)).where(every.file == ssmi_files.c.id).scalar_subquery()
    return connection.execute(
        select(ssmi_files, up.begun, up.uploaded_by, up.outcome, up.detail.label("upload_detail"))
        .select_from(ssmi_files)
        .outerjoin(ssmi_uploads, up.id == last)
        .order_by(ssmi_files.c.id.desc())
        .limit(_FILES)
    ).all()


def list_letters(connection: Connection, after: str | None) -> Page[Letter]:
    """List dead letters, oldest first."""
    # What was refused for good waits for people, one by one: there are few, or one cause has refused all.
    every = letters(connection)
    first = 0
    if after is not None:
        first = next((at for at, each in enumerate(every) if _place(each) > after), len(every))
    shown = every[first : first + _LETTERS]
    return Page(shown, _place(shown[-1]) if len(every) > first + _LETTERS else None)


@dataclass(frozen=True, slots=True)
class OpenLetter:
    """A dead letter as a person reads it."""

    letter: Letter
    told: Sequence[dict[str, Any]]
    """All that was told of the hub, oldest first, with the documents and tries."""
    known: dict[str, str | None]
    """What can be corrected, as it is known."""


def open_letter(connection: Connection, either_id: Eui64) -> OpenLetter | None:
    """Return what was refused of a hub; None where nothing is, or not any more."""
    wanted = str(either_id)
    device = connection.scalar(
        select(hubs.c.device).where(or_(hubs.c.device == wanted, hubs.c.gpf == wanted))
    )
    found = [each for each in letters(connection) if each.device == device]
    if not found:
        return None
    _, hub = record_of(connection, found[0].device)
    known = {name: getattr(hub, name) for name in CORRECTABLE}
    # Of both, `again` and `settle` take the pre-notification first.
    letter = next((each for each in found if each.by != SSMI), found[-1])
    return OpenLetter(letter, told_of(connection, either_id), known)


def _before(
    connection: Connection, chosen: Any, column: Any, after: str | None
) -> Page[Row[*tuple[Any, ...]]]:
    if after is not None:
        if not (after.isascii() and after.isdigit() and len(after) < 18):
            raise WrongInput(f"{after[:20]!r} is no place in a list")
        chosen = chosen.where(column < int(after))
    rows = connection.execute(chosen.limit(_HUBS + 1)).all()
    shown = rows[:_HUBS]
    return Page(shown, str(shown[-1].id) if len(rows) > _HUBS else None)


def _place(letter: Letter) -> str:
    return f"{letter.refused:%Y%m%dT%H%M%S.%f}-{letter.device}-{letter.by}"
