"""A configuration without what is secret in it, by what each of its settings is. Pure.

A text is shown only where its setting is known to be harmless: one that joins later is withheld until somebody says so here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from drivers.dfu.settings import DfuSettings
from drivers.jig_board.settings import JigBoardSettings
from firmware_catalog.cpl import ProductColumns
from station.bench.settings import CheckListItem, PeopleSettings, ShiftSettings
from station.catalogue.settings import CatalogueSettings
from station.domain.broker_settings import BrokerSettings
from station.papers.sscc import SsccRange
from station.places.settings import JigSettings, ScannerSettings
from station.printing.settings import PrinterSettings
from station.publishing.settings import MqttSettings
from station.settings import StationSettings
from station.support.withholding import WITHHELD
from station.unlocking.settings import HsmSettings, PinSettings
from station.upkeep.settings import ServiceSettings

_HARMLESS: Final[Mapping[type[BaseModel], frozenset[str]]] = {
    StationSettings: frozenset({"language", "operator"}),
    BrokerSettings: frozenset({"host", "username"}),
    MqttSettings: frozenset({"client_id"}),
    CatalogueSettings: frozenset({"place"}),
    ProductColumns: frozenset(ProductColumns.model_fields),
    HsmSettings: frozenset({"token", "key"}),
    PinSettings: frozenset({"variable"}),
    PeopleSettings: frozenset({"badge_prefix"}),
    ShiftSettings: frozenset({"zone"}),
    CheckListItem: frozenset({"what"}),
    ServiceSettings: frozenset({"what"}),
    SsccRange: frozenset({"company_prefix"}),
    PrinterSettings: frozenset({"host"}),
    JigSettings: frozenset({"driver", "slots"}),
    ScannerSettings: frozenset({"port"}),
    JigBoardSettings: frozenset({"port"}),
    DfuSettings: frozenset({"usbip_host"}),
}
"""Texts that say where something is or what it is called. Labels of an HSM's token and key open nothing."""


@dataclass(slots=True)
class Shown:
    """What may be shown, and the texts that may not be anywhere."""

    content: Any
    withheld: set[str] = field(default_factory=set)


def shown(settings: BaseModel) -> Shown:
    """Return the settings as a program would read them."""
    withheld: set[str] = set()
    return Shown(_model(settings, withheld), withheld)


def _model(settings: BaseModel, withheld: set[str]) -> dict[str, Any]:
    harmless = {name for kind, names in _HARMLESS.items() if isinstance(settings, kind) for name in names}
    return {
        name: _value(getattr(settings, name), withheld, is_harmless=name in harmless or _is_of_few(about))
        for name, about in type(settings).model_fields.items()
    }


def _value(value: Any, withheld: set[str], *, is_harmless: bool) -> Any:
    match value:
        case BaseModel():
            return _model(value, withheld)
        case Enum():
            return value.value
        case None | bool() | int() | float():
            return value
        case Path() | date() | datetime() | time():
            return str(value)
        case str() if is_harmless:
            return _without_credentials(value, withheld)
        case Mapping():
            return {str(key): _value(each, withheld, is_harmless=is_harmless) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_value(each, withheld, is_harmless=is_harmless) for each in value]
        case _:
            withheld.update(_texts(value))
            return WITHHELD


def _texts(value: Any) -> Iterator[str]:
    secret = getattr(value, "get_secret_value", None)
    text = secret() if secret is not None else value
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    if isinstance(text, str):
        yield text


def _is_of_few(about: FieldInfo) -> bool:
    """Whether a field's text is one of few words, or a name that is told to everybody as a level of topics."""
    if any(getattr(each, "pattern", None) == r"^[A-Za-z0-9_-]+$" for each in about.metadata):
        return True
    return any(_only_literals(each) for each in (about.annotation, *get_args(about.annotation)))


def _only_literals(kind: Any) -> bool:
    return get_origin(kind) is Literal


def _without_credentials(text: str, withheld: set[str]) -> str:
    """Take user, password, query and fragment out of an address."""
    parts = urlsplit(text) if "://" in text else None
    if parts is None:
        return text
    user, at, host = parts.netloc.rpartition("@")
    given = (value for _, value in parse_qsl(parts.query))
    for secret in (*user.split(":", 1), parts.query, parts.fragment, *given):
        if secret:
            withheld.update({secret, unquote(secret)})
    return urlunsplit((parts.scheme, f"{WITHHELD}@{host}" if at else host, parts.path, "", ""))
