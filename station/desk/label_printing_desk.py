"""Labels of cartons and pallets at the desk: another one, for one that is torn, lost, or was never there."""

from __future__ import annotations

from station.desk.act import Act
from station.desk.boxes import read_code
from station.desk.desk import Handlers
from station.desk.label_printing_requests import LabelDue, PrintLabel
from station.desk.refusals import Conflict, NotFound, Unavailable
from station.printing.due import LabelsDue
from station.records.facts.package_labels import PackageLabelAsked, package_labels_of
from station.records.journal import Journal


class LabelPrintingDesk:
    """Has labels printed again, from one journal."""

    def __init__(self, journal: Journal, due: LabelsDue) -> None:
        self._journal = journal
        self._due = due

    def handlers(self) -> Handlers:
        """Return what it answers."""
        return {PrintLabel: self._print}

    async def _print(self, request: PrintLabel, act: Act) -> LabelDue:
        code = read_code(request.code)
        if not self._due.are_printed:
            raise Unavailable(
                f"nothing prints labels here (labels.printer); make a page of it: reflash cartons label {code} --pdf FILE"
            )
        found = await self._journal.package(code)
        if found is None:
            raise NotFound(f"there is no {code.package} {code}: see 'reflash cartons list'")
        if found.closed is None:
            raise Conflict(f"{code.package} {code} is open: its label is printed when it closes")
        before = await self._journal.ask(package_labels_of, code)
        asked = PackageLabelAsked(
            package=code.package,
            number=code.number,
            order=found.order,
            sscc=before[-1].sscc if before else self._due.sscc(code),
            again=True,
            actor=act.actor,
        )
        answer = LabelDue(
            code=str(code), line=f"another label of {code.package} {code} is to be printed, as a copy"
        )
        await act.recording(answer).append(asked)
        return answer
