"""Who may ask what: the one place where that is asked. docs/desk.md has the same table for people."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from station.desk.bench_requests import EnableSlot, ResetJig, Status, Stop, Watch
from station.desk.count_requests import CountResults
from station.desk.health_requests import ShowHealth
from station.desk.label_printing_requests import PrintLabel
from station.desk.label_requests import ScanLabel, TakeBackLabel
from station.desk.looking_requests import FindHub, ListBoxes, ListOrders, ShowBox, ShowOrder
from station.desk.order_requests import (
    AssignOrder,
    CloseOrder,
    CompareOrder,
    ImportOrder,
    ReviseOrder,
    UnassignOrder,
)
from station.desk.packing_requests import (
    CloseCarton,
    ClosePallet,
    DecideHub,
    HoldCarton,
    OpenCarton,
    OpenPallet,
    PackHub,
    PutHub,
    PutOnPallet,
    Recall,
    ReleaseCarton,
    TakeOffPallet,
)
from station.desk.people_requests import LiftPinLock, SignOff, SignOn
from station.desk.record_requests import Republish, ResumeRelease
from station.desk.refusals import NotAllowed, NotFound
from station.desk.request import Request
from station.desk.session_requests import CloseSession, OpenSession, ShowBearer, ShowRight
from station.desk.shift_requests import EnrolGoldenHub, RetireGoldenHub, SignCheckList
from station.desk.standing_requests import ListPeople, ListReleases, ShowShift, ShowUpkeep
from station.desk.upkeep_requests import ServiceJig


class Role(StrEnum):
    """In what capacity somebody asks. How they came in and what they proved decide it, and nothing that they only say."""

    ACCOUNT = "account"
    """The station's own account, at the control socket: whoever has that has the station."""
    SUPERVISOR = "supervisor"
    """A supervisor who gave name and PIN with the request."""
    TECHNICIAN = "technician"
    """People at the bench: those of the looking and scanning socket, and whoever holds a jig's own scanner."""
    FOLDER = "folder"
    """Whoever may drop files into the folder that takes orders."""
    VIEWER = "viewer"
    """A program whose token lets it look."""
    PLANNER = "planner"
    """A program whose token lets it look, and bring work orders."""


_KNOWN_TO_PEOPLE: Final = frozenset({Role.SUPERVISOR, Role.TECHNICIAN, Role.VIEWER, Role.PLANNER})
_THE_ACCOUNT: Final = frozenset({Role.ACCOUNT})
_SUPERVISORS: Final = frozenset({Role.ACCOUNT, Role.SUPERVISOR})
_EVERYBODY: Final = frozenset({Role.ACCOUNT, Role.SUPERVISOR, Role.TECHNICIAN})
_LOOKING: Final = _EVERYBODY | {Role.VIEWER, Role.PLANNER}

MAY: Final[Mapping[type[Request[Any]], frozenset[Role]]] = MappingProxyType(
    {
        Status: _LOOKING,
        Watch: _LOOKING,
        CountResults: _LOOKING,
        ShowHealth: _LOOKING,
        ListOrders: _LOOKING,
        ShowOrder: _LOOKING,
        FindHub: _LOOKING,
        ListBoxes: _LOOKING,
        ShowBox: _LOOKING,
        ShowShift: _LOOKING,
        ShowUpkeep: _LOOKING,
        ListPeople: _EVERYBODY,
        ListReleases: _LOOKING,
        OpenSession: _EVERYBODY,
        ShowBearer: _LOOKING,
        CloseSession: _EVERYBODY,
        ShowRight: _LOOKING,
        ScanLabel: _EVERYBODY,
        TakeBackLabel: _EVERYBODY,
        SignOn: _EVERYBODY,
        SignOff: _EVERYBODY,
        LiftPinLock: _SUPERVISORS,
        EnableSlot: _SUPERVISORS,
        ResetJig: _SUPERVISORS,
        ServiceJig: _SUPERVISORS,
        EnrolGoldenHub: _SUPERVISORS,
        RetireGoldenHub: _SUPERVISORS,
        SignCheckList: _EVERYBODY,
        ImportOrder: _SUPERVISORS | {Role.FOLDER, Role.PLANNER},
        AssignOrder: _SUPERVISORS,
        UnassignOrder: _SUPERVISORS,
        CompareOrder: _SUPERVISORS | {Role.PLANNER},
        ReviseOrder: _SUPERVISORS,
        CloseOrder: _SUPERVISORS,
        Republish: _THE_ACCOUNT,
        ResumeRelease: _SUPERVISORS,
        Recall: _LOOKING,
        OpenCarton: _EVERYBODY,
        PackHub: _EVERYBODY,
        PutHub: _EVERYBODY,
        CloseCarton: _EVERYBODY,
        HoldCarton: _EVERYBODY,
        OpenPallet: _EVERYBODY,
        PutOnPallet: _EVERYBODY,
        ClosePallet: _EVERYBODY,
        PrintLabel: _EVERYBODY,
        DecideHub: _SUPERVISORS,
        ReleaseCarton: _SUPERVISORS,
        TakeOffPallet: _SUPERVISORS,
        Stop: _THE_ACCOUNT,
    }
)
"""Every request that there is, and who may ask it."""

_BY_NAME: Final = {kind.name: kind for kind in MAY}


def request_named(name: str) -> type[Request[Any]]:
    """Return the kind of request that has this name. Raises NotFound."""
    try:
        return _BY_NAME[name]
    except KeyError:
        known = ", ".join(sorted(_BY_NAME))
        raise NotFound(f"there is no request {name[:40]!r}; the station knows: {known}") from None


def require_right(request: type[Request[Any]], role: Role) -> None:
    """Raise NotAllowed where somebody in this capacity may not ask this."""
    may = MAY[request]
    if role not in may:
        theirs = " or ".join(f"a {each}" for each in Role if each in may & _KNOWN_TO_PEOPLE)
        next_step = (
            "have a supervisor give name and PIN with it"
            if Role.SUPERVISOR in may
            else "run it as the station's user (sudo -u reflash reflash …)"
        )
        raise NotAllowed(
            f"{request.name.replace('_', ' ')} is not for a {role}, but for "
            f"{theirs or 'the station itself'}: {next_step}",
            request=request.name,
            role=role.value,
        )
