"""What a party lists: hubs with the extract that they are judged by, or bridges, of which there is none. Never both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from firmware_catalog.devices import Family
from firmware_catalog.identity import Eui64
from inventory.assets import bridges, hubs_among
from inventory.database.tables import LINE_COLUMNS
from inventory.requests.bridge_judging import judge_bridges
from inventory.requests.bridge_list import AskedBridge, ListedBridge
from inventory.requests.extract import Registered, require_taken
from inventory.requests.judging import Judged, judge
from inventory.requests.request_file import Asked
from inventory.requests.settings import RequestSettings
from inventory.requests.sheet import Sheet
from station.domain.printable import printable

_EMPTY: Final = dict.fromkeys(
    each.name for each in LINE_COLUMNS if each.name not in ("authorised", "cancelled")
)


@dataclass(frozen=True, slots=True)
class HubList:
    """A list of hubs, and what the extract holds of them."""

    asked: Sequence[Asked]
    registered: Mapping[Eui64, Registered]
    sheet: Sheet
    extract: Sheet

    @property
    def family(self) -> Family:
        """Of which family all on it are."""
        return Family.HUB


@dataclass(frozen=True, slots=True)
class BridgeList:
    """A list of bridges."""

    asked: Sequence[AskedBridge]
    sheet: Sheet

    @property
    def extract(self) -> None:
        """There is none."""
        return

    @property
    def family(self) -> Family:
        """Of which family all on it are."""
        return Family.BRIDGE


Listed = HubList | BridgeList


def judged(
    connection: Connection,
    listed: Listed,
    party: str,
    settings: RequestSettings,
    elsewhere: Mapping[Eui64, str],
    now: datetime,
) -> list[Judged]:
    """Judge each line of a list. `elsewhere` has the open request in which a device stands already.

    Raises WrongInput where nobody says when the extract was taken.
    """
    match listed:
        case HubList():
            require_taken(listed.extract, listed.registered, now)
            releases = settings.release_of
            return judge(listed.asked, party, listed.registered, releases, elsewhere, bridges(connection))
        case BridgeList():
            ids = [each.bridge.device for each in listed.asked if each.bridge is not None]
            hubs = hubs_among(connection, ids)
            return judge_bridges(listed.asked, settings.release_of_kind, elsewhere, hubs)


def row_of(request: int, party: str, line: Judged) -> dict[str, Any]:
    """Return a judged line as it is kept."""
    hub, asked = line.hub, line.asked
    row: dict[str, Any] = _EMPTY | {
        "request": request,
        "line": asked.line,
        "ids": printable(asked.text),
        "refused": line.reason and line.reason.value,
        "detail": line.detail,
    }
    if isinstance(asked, Asked):
        row["installation_end"] = asked.installation_end
    if hub is not None:
        row |= {
            "manufacturer": hub.model.manufacturer,
            "model": hub.model.model,
            "firmware": str(hub.firmware),
        }
    match hub:
        case Registered():
            row |= {
                "chf": str(hub.chf),
                "gpf": str(hub.gpf),
                "status": hub.status,
                "owner": hub.owner,
                "region": hub.region,
                "han_variant": hub.han_variant,
                "chts_version": hub.chts_version,
                "taken": hub.taken,
            }
        case ListedBridge():
            row |= {
                "chf": str(hub.device),
                "owner": party,
                "bridge_type": hub.bridge_type.value,
                "premises": hub.premises,
                "set_members": hub.set_members,
            }
        case None:
            pass
    return row
