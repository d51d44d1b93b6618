"""Which labels are due, and which number each bears: given once, with the fact that it was asked for."""

from __future__ import annotations

import structlog

from station.packing.codes import Package, PackageCode
from station.papers.sscc import Sscc, SsccError
from station.printing.settings import LabelSettings
from station.records.facts.events import Event
from station.records.facts.package_labels import PackageLabelAsked

_log = structlog.stdlib.get_logger()


class LabelsDue:
    """Asks for a label when a carton or pallet closes, where there is something that prints one."""

    def __init__(self, settings: LabelSettings) -> None:
        self._settings = settings

    @property
    def are_printed(self) -> bool:
        """Whether anything prints labels."""
        return (self._settings.printer or self._settings.folder) is not None

    def when_closed(self, package: Package, number: int, order: str) -> tuple[Event, ...]:
        """Return what is recorded when this carton or pallet closes."""
        if not self.are_printed:
            return ()
        sscc = self.sscc(PackageCode(package, number))
        return (PackageLabelAsked(package=package, number=number, order=order, sscc=sscc),)

    def sscc(self, code: PackageCode) -> Sscc | None:
        """Return the SSCC of a carton or pallet; None without a range, or with one that is used up: packing goes on."""
        if self._settings.gs1 is None:
            return None
        try:
            return self._settings.gs1.sscc(code)
        except SsccError as error:
            _log.error("label without an SSCC", code=str(code), reason=str(error))
            return None
