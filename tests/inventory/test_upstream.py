"""From closed orders to the Smart Metering Inventory: Option A and Option B, against a simulated one that refuses what the real one would."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from benches.certificates import Authority
from benches.looking import until
from benches.postgres import somebody_waits
from benches.told_results import Said, SayingStation, chf_of, gpf_of
from benches.upstream import Upstream, hub_record, upstream
from firmware_catalog.identity import Eui64
from inventory.database.engine import Database
from inventory.database.tables import messages, ssmi_files
from inventory.database.upstream_tables import (
    pre_notification_tries,
    pre_notifications,
    ssmi_rows,
    upstream_mark,
    upstream_orders,
)
from inventory.errors import WrongInput
from inventory.intake.intake import Intake
from inventory.moments import system_clock
from inventory.settings import load_settings
from inventory.upstream import letters, planning
from inventory.upstream.answers import Accepted, NotSent, Refused, TryAgain, Unknown, read_answer
from inventory.upstream.corrections import correct
from inventory.upstream.document import Documents
from inventory.upstream.jobs import Job, claim, finish, replace
from inventory.upstream.redelivery import withheld
from inventory.upstream.sender import Sender
from inventory.upstream.smi_versions import smi_versions
from inventory.upstream.update import update_of
from station.domain.outcome import Outcome

CONFIG = """
database = "{url}"
[[stations]]
site = "north-site"
station = "bench-1"
[ssmi]
folder = "{folder}"
upload = {ssmi}
[[upstream.routes]]
csp = "one"
regions = ["Central", "South"]
n3 = {n3}
[[upstream.routes]]
csp = "two"
regions = ["North"]
[requests]
orders_folder = "{folder}"
releases = [{{manufacturer = "10A8", model = "00000011", firmware_version = "0002012F"}}]
"""
BY = ("--by", "A. Person")
WHY = (*BY, "--reason", "a test")
FAULTS = (
    *("outage", "vanish_before", "vanish_after", "hang_before"),
    *("hang_after", "half_answer", "garbled", "internal"),
)
"""What can go wrong with a pre-notification."""


class Desk:
    """One inventory with a station that says things, and what is upstream of it."""

    def __init__(
        self, folder: Path, url: str, there: Upstream, typed: Callable[..., tuple[int, str]]
    ) -> None:
        self.folder = folder
        self.there = there
        self.station = SayingStation()
        self.database = Database(url)
        self._typed = typed
        self.config = folder / "inventory.toml"
        self.config.write_text(
            CONFIG.format(
                url=url,
                folder=folder,
                n3=there.https("n3", "csp"),
                ssmi=there.https("ssmi", "dcc-logistics"),
            )
        )
        self._intake = Intake(self.database, {self.station.topics.source: self.station.topics}, system_clock)

    def __call__(self, *arguments: object, code: int = 0) -> str:
        ended, said = self._typed(*arguments, "--config", self.config)
        assert ended == code, said
        return said

    def order(self, name: str, hubs: Iterable[int], wrong: tuple[str, str] = ("", "")) -> None:
        """Have hubs asked for and authorised, by the inventory's own extract; `wrong`: what it has, and had better not."""
        self.there.ask("extract", path=str(self.folder / "smi.csv"))
        text = (self.folder / "smi.csv").read_text()
        (self.folder / "smi.csv").write_text(text.replace(*wrong) if wrong[0] else text)
        lines = [f"reflash-request-1,{chf_of(hub)},{gpf_of(hub)}," for hub in hubs]
        (self.folder / f"{name}-list.csv").write_text(
            "\n".join(["template,chf_id,gpf_id,installation_end_date", *lines])
        )
        files = (self.folder / f"{name}-list.csv", "--extract", self.folder / "smi.csv")
        answer = self("requests", "import", *files, "--party", "PARTY", *BY, "--json")
        said = json.loads(answer.partition("\n")[0])  # warnings follow it
        assert said["refused"] == {}, said
        self("requests", "authorise", said["request"], "--work-order", name, "--purchase-order", "PO", *BY)

    def tell(self, *said: Said) -> None:
        self._intake.take_heard(said)

    @asynccontextmanager
    async def sending(self, workers: int = 1) -> AsyncIterator[None]:
        ways = load_settings(self.config).upstream
        assert ways is not None
        tasks = [asyncio.create_task(Sender(ways, self.database, system_clock).run()) for _ in range(workers)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def states(self) -> dict[str, int]:
        with self.database.read() as connection:
            rows = connection.execute(
                select(pre_notifications.c.state, func.count()).group_by(pre_notifications.c.state)
            )
            return dict(rows.all())

    async def until_states(self, **wanted: int) -> None:
        await until(lambda: self.states() == wanted)


@pytest.fixture
def registered() -> Sequence[dict[str, str]]:
    """Hubs 1 to 19 in Central, 20 to 29 in North."""
    return [
        hub_record(chf_of(hub), gpf_of(hub), region="Central" if hub < 20 else "North")
        for hub in range(1, 30)
    ]


@pytest.fixture
def desk(
    tmp_path: Path,
    url: str,
    inventory: Callable[..., tuple[int, str]],
    registered: Sequence[dict[str, str]],
) -> Iterator[Desk]:
    folder = tmp_path / "there"
    folder.mkdir()
    with upstream(folder, registered) as there:
        made = Desk(tmp_path, url, there, inventory)
        try:
            yield made
        finally:
            made.database.__exit__()


def updates(there: Upstream) -> Counter[tuple[str, str]]:
    """Return how often each hub was updated to each version."""
    return Counter((each["chf"], each["firmware"]) for each in there.rows("updates"))


async def test_each_hub_takes_effect_once_whatever_goes_wrong_on_the_way(desk: Desk) -> None:
    hubs = range(1, 1 + len(FAULTS))
    desk.order("WO-1", hubs)
    desk.tell(*(desk.station.result(hub) for hub in hubs))
    for fault in FAULTS:
        desk.there.ask("fault", way="n3", fault=fault, times=1)
    async with desk.sending(workers=2):
        await until(lambda: not _due(desk))
        assert desk.states() == {}, "the bench has not closed the order"
        desk.tell(desk.station.order_fact("WO-1", "closed"))
        await desk.until_states(accepted=len(FAULTS))
    # The same list and extract again, from before: its lines are refused, and no news of what the inventory holds.
    again = desk.folder / "again.csv"
    again.write_text((desk.folder / "WO-1-list.csv").read_text() + "\n")
    files = (again, "--extract", desk.folder / "smi.csv")
    said = desk("requests", "import", *files, "--party", "PARTY", *BY)
    assert f"{len(FAULTS)} in_another_request" in said
    assert updates(desk.there) == {(chf_of(hub), "0002012F"): 1 for hub in hubs}
    assert {desk.there.versions()[each(hub)] for hub in hubs for each in (chf_of, gpf_of)} == {"0002012F"}
    with desk.database.read() as connection:
        tries = connection.execute(select(pre_notification_tries)).all()
        names = dict(
            connection.execute(select(pre_notifications.c.id, pre_notifications.c.notification_id)).all()
        )
        assert withheld(connection, "WO-1") == {}
    # Nobody called without that being put down before, with what came of it.
    assert {each["reference"] for each in desk.there.rows("calls")} <= {
        f"{names[each.notification]}/{each.number}" for each in tries
    }
    outcomes = Counter(each.outcome for each in tries)
    # A busy machine may have more of them unanswered in time.
    assert (outcomes["accepted"], outcomes["try_again"]) == (len(FAULTS), 1)
    assert outcomes["unknown"] >= len(FAULTS) - 1


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_what_was_refused_for_good_waits_for_a_person_who_corrects_it_and_sends_it_again(
    desk: Desk,
) -> None:
    desk.order("WO-1", (1, 2, 3))
    desk.there.ask("status", chf=chf_of(1), status="InstalledNotCommissioned")
    desk.there.ask("status", chf=chf_of(2), status="Suspended")
    desk.tell(*(desk.station.result(hub) for hub in (1, 2, 3)), desk.station.order_fact("WO-1", "closed"))
    async with desk.sending():
        await desk.until_states(accepted=1, refused=2)
        said = desk("upstream", "dead", code=1)
        assert f"{chf_of(1)}  WO-1        one  0002012F  NOT_PENDING" in said
        with desk.database.read() as connection:
            assert withheld(connection, "WO-1") == {chf_of(hub): "refused_upstream" for hub in (1, 2)}
        desk.there.ask("status", chf=chf_of(1), status="Pending")
        desk("upstream", "again", gpf_of(1), "--set", "firmware=00000001", *WHY, code=2)
        assert "does not follow the schema" in desk(
            *("upstream", "again", gpf_of(1), "--set", f"han_variant={31 * 'x'}"), *WHY, code=2
        )
        desk("upstream", "again", gpf_of(1), "--set", "han_variant=SBCH", *WHY)
        desk("upstream", "settle", chf_of(2), *WHY)
        await desk.until_states(accepted=2, replaced=1, settled=1)
        # Told of again, the order brings up nothing that a person has put away.
        desk.tell(desk.station.result(3, outcome=Outcome.REJECTED))
        await until(lambda: desk("upstream", "status", "--json") and not _due(desk))
        # Nor does a hub that says again what was put away of it, whatever was put away since.
        desk.tell(desk.station.result(2, read_back="0003012F"))
        await desk.until_states(accepted=2, replaced=1, settled=1, refused=1)
        desk("upstream", "settle", chf_of(2), *WHY)
        desk.tell(desk.station.result(2))
        await until(lambda: not _due(desk))
    assert desk.states() == {"accepted": 2, "replaced": 1, "settled": 2}
    assert desk.there.ask("device", id=gpf_of(1))["device"]["han_variant"] == "SBCH"
    assert desk("upstream", "dead") == "nothing was refused\n"
    assert desk("upstream", "again", chf_of(2), *WHY, code=1).endswith(
        "see reflash inventory upstream dead\n"
    )
    shown = desk("upstream", "show", gpf_of(1))
    assert "NOT_PENDING" in shown
    assert "<HANVariant>SBCH</HANVariant>" in shown


def _due(desk: Desk) -> bool:
    with desk.database.read() as connection:
        newest = connection.scalar(select(func.max(messages.c.id)))
        mark = connection.scalar(select(upstream_mark.c.message))
        due = connection.execute(select(upstream_orders.c.work_order).where(upstream_orders.c.due)).first()
    return newest != mark or due is not None


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_hub_that_runs_something_else_than_is_held_is_told_of_or_does_not_go_back(desk: Desk) -> None:
    """A record that was stale, a chain that stopped half-way, a hub that nobody read back, and one that is as it was."""
    desk.order("WO-1", (1, 2, 3, 4, 5))
    current, half, unread, failed = (
        desk.station.result(1, outcome=Outcome.ALREADY_CURRENT),
        desk.station.result(2, outcome=Outcome.FAILED, read_back="0001022F"),
        desk.station.result(3, outcome=Outcome.FAILED, read_back=None),
        desk.station.result(4, outcome=Outcome.FAILED, read_back="0001012F"),
    )
    desk.tell(current, half, unread, failed)
    with desk.database.read() as connection:
        assert withheld(connection, "WO-1") == {
            chf_of(1): "not_told",
            chf_of(2): "not_told",
            chf_of(3): "not_read_back",
        }
    async with desk.sending():
        desk.tell(desk.station.order_fact("WO-1", "closed"))
        await desk.until_states(accepted=1)
        assert "1 hub of WO-1" in desk("upstream", "release", "WO-1", "--hub", chf_of(2), *WHY)
        await desk.until_states(accepted=2)
        assert updates(desk.there) == {(chf_of(1), "0002012F"): 1, (chf_of(2), "0001022F"): 1}
        # What a hub says under no order, the order that has it tells.
        desk.tell(
            desk.station.result(1, outcome=Outcome.ALREADY_CURRENT, read_back="0003012F", work_order=None)
        )
        await desk.until_states(accepted=3)
        # What a bridge says that has a hub's id is no word of the hub.
        bridge = {"gpf": None, "family": "bridge", "bridge_type": "B2", "work_order": None}
        desk.tell(desk.station.result(4, outcome=Outcome.PASSED))
        await desk.until_states(accepted=4)
        desk.tell(desk.station.result(4, read_back="0009012F", **bridge))
        await until(lambda: not _due(desk))
        said = desk("upstream", "again", chf_of(4), "--set", "han_variant=SBCH", *WHY, code=1)
        assert "nothing of a bridge goes upstream" in said
    assert desk.states() == {"accepted": 4}
    assert updates(desk.there)[chf_of(1), "0003012F"] == 1
    with desk.database.read() as connection:
        assert withheld(connection, "WO-1") == {chf_of(3): "not_read_back", chf_of(4): "not_told"}


async def test_a_later_word_of_a_hub_replaces_what_was_not_sent_and_follows_what_may_have_been_taken(
    desk: Desk,
) -> None:
    desk.order("WO-1", (1, 2, 3))
    desk.there.ask("fault", way="n3", fault="outage")
    desk.tell(*(desk.station.result(hub) for hub in (1, 2, 3)), desk.station.order_fact("WO-1", "closed"))
    async with desk.sending():
        await until(lambda: len(desk.there.rows("calls")) >= 3)
    desk.there.ask("disarm")
    with desk.database.write() as connection:
        # As if a worker had died after it had sent the others: whether they were taken is not known.
        connection.execute(
            pre_notifications.update().where(pre_notifications.c.device == chf_of(1)).values(doubtful=False)
        )
        connection.execute(
            pre_notifications.update().where(pre_notifications.c.device != chf_of(1)).values(doubtful=True)
        )
        # As whoever plans does if it saw the second just before that worker took it up.
        second = select(pre_notifications.c.id).where(pre_notifications.c.device == chf_of(2))
        replace(connection, connection.execute(second).scalar_one(), system_clock())
    desk.tell(*(desk.station.result(hub, read_back="0003012F") for hub in (1, 2)))
    # The third says what the inventory held before: who knows what it holds now.
    desk.tell(desk.station.result(3, read_back="0001012F"))
    with desk.database.read() as connection:
        assert withheld(connection, "WO-1")[chf_of(3)] == "not_told"
    # A worker that comes before whoever plans takes up only what may have been taken.
    with desk.database.write() as connection:
        soon = {"now": system_clock() + timedelta(minutes=5), "until": system_clock()}
        jobs = claim(connection, "one", 8, worker="a test", skip_locked=False, **soon)
    assert sorted(
        (job.was_doubtful, hub) for job in jobs for hub in (1, 2, 3) if chf_of(hub) in job.document
    ) == [
        (True, 2),
        (True, 3),
    ]
    async with desk.sending():
        await desk.until_states(accepted=5, replaced=1)
    for hub, last in ((2, "0003012F"), (3, "0001012F")):
        assert [each["firmware"] for each in desk.there.rows("updates") if each["chf"] == chf_of(hub)] == [
            "0002012F",
            last,
        ]
    assert updates(desk.there)[chf_of(1), "0002012F"] == 0
    assert updates(desk.there)[chf_of(1), "0003012F"] == 1


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_what_is_answered_or_sent_while_somebody_plans_or_corrects_comes_after_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite has one writer."""
    desk.order("WO-1", (1, 2, 3))
    desk.tell(*(desk.station.result(hub) for hub in (1, 2)), desk.station.order_fact("WO-1", "closed"))
    ways = load_settings(desk.config).upstream
    assert ways is not None
    documents = {route.csp: Documents(route.n3) for route in ways.routes if route.n3 is not None}
    jobs: list[Job] = []
    done: list[Future[None]] = []

    def plans() -> int:
        with desk.database.write_alone() as connection:
            return planning.plan(connection, ways, documents, system_clock())

    def hold() -> None:
        soon = {"now": system_clock() + timedelta(minutes=5), "until": system_clock()}
        with desk.database.write() as connection:
            jobs[:] = claim(connection, "one", 8, worker="a test", skip_locked=True, **soon)

    def accept() -> None:
        with desk.database.write() as connection:
            finish(connection, [(job, Accepted()) for job in jobs], system_clock())

    assert plans() == 2
    hold()
    with ThreadPoolExecutor(1) as worker:

        def meanwhile(work: Callable[[], None]) -> None:
            done.append(worker.submit(work))
            asyncio.run(until(lambda: done[-1].done() or somebody_waits(desk.database)))

        def planned(*arguments: Any) -> Any:
            meanwhile(accept)
            return update_of(*arguments)

        def corrected(*arguments: Any, **act: Any) -> None:
            meanwhile(hold)
            correct(*arguments, **act)

        monkeypatch.setattr(planning, "update_of", planned)
        desk.tell(desk.station.result(1, outcome=Outcome.REJECTED))
        assert plans() == 0
        done[-1].result(30)
        assert desk.states() == {"accepted": 2}
        monkeypatch.setattr(planning, "update_of", update_of)
        desk.tell(desk.station.result(3))
        assert plans() == 1
        monkeypatch.setattr(letters, "correct", corrected)
        with desk.database.write_alone() as connection:
            act = {"by": "A. Person", "reason": "a test", "now": system_clock()}
            hub, said = Eui64.parse(chf_of(3)), {"han_variant": "SBCH"}
            letters.send_again(connection, hub, said, ways, documents, **act)
        done[-1].result(30)
    assert [">SBCH<" in job.document for job in jobs] == [True]
    accept()
    assert desk.states() == {"accepted": 3, "replaced": 1}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_an_extract_counts_from_when_it_was_taken_whenever_it_is_imported(desk: Desk) -> None:
    desk.order("WO-1", (1,))
    before = (desk.folder / "smi.csv").read_text()
    desk.tell(desk.station.result(1), desk.station.order_fact("WO-1", "closed"))
    async with desk.sending():
        await desk.until_states(accepted=1)
    desk("requests", "close", "RQ-1", *WHY)
    untimed = "\n".join(line.rpartition(",")[0] for line in before.splitlines())
    taken = before.splitlines()[1].rpartition(",")[2]

    def imports(extract: str, *words: str, code: int = 0) -> str:
        path = desk.folder / "late.csv"
        path.write_text(extract)
        files = (desk.folder / "WO-1-list.csv", "--extract", path)
        return desk("requests", "import", *files, "--party", "PARTY", *BY, *words, code=code)

    def held() -> dict[str, str]:
        with desk.database.read() as connection:
            return smi_versions(connection, [chf_of(1)])

    def due() -> bool:
        with desk.database.read() as connection:
            return connection.execute(select(upstream_orders.c.due)).scalar_one()

    assert "late.csv does not say when it was taken; say it: --taken" in imports(untimed, code=2)
    assert "is no moment with its zone" in imports(untimed, "--taken", "2026-11-02 08:00", code=2)
    assert "is still to come" in imports(untimed, "--taken", "2999-01-01T00:00Z", code=2)
    assert "says itself when it was taken" in imports(before, "--taken", taken, code=2)
    # It is from before the update that was accepted since.
    assert "accepted: 1 hub accepted" in imports(before)
    assert held() == {chf_of(1): "0002012F"}
    desk("requests", "refuse", "RQ-2", *WHY)
    imports(untimed, "--taken", taken)
    assert held() == {chf_of(1): "0002012F"}
    # One of later says what the inventory holds by then, though its line is refused.
    (desk.folder / "WO-1-list.csv").write_text((desk.folder / "WO-1-list.csv").read_text() + "\n")
    with desk.database.write() as connection:
        connection.execute(upstream_orders.update().values(due=True))
    async with desk.sending():
        await until(lambda: not due())
        assert "1 in_another_request" in imports(untimed, "--taken", f"{system_clock().isoformat()}")
        # Its order is looked at again, and told of.
        await desk.until_states(accepted=2)
    assert held() == {chf_of(1): "0002012F"}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_the_rest_of_an_order_that_was_released_in_part_follows_once_what_was_missing_has_come(
    desk: Desk,
) -> None:
    desk.order("WO-1", (1, 2))
    first, lost, second = (
        desk.station.result(1),
        desk.station.result(9, order="ANOTHER"),
        desk.station.result(2),
    )
    desk.tell(first, second, desk.station.order_fact("WO-1", "closed"))
    async with desk.sending():
        assert "1 hub of WO-1" in desk("upstream", "release", "WO-1", "--hub", chf_of(1), *WHY)
        await desk.until_states(accepted=1)
        assert "WO-1 waits: WO-1: result 2 of" in desk("upstream", "status")
        # What was missing is none of this order's, as it turns out.
        desk.tell(lost)
        await desk.until_states(accepted=2)
    assert "WO-1 waits" not in desk("upstream", "status")


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_hub_whose_region_was_wrong_goes_the_way_of_the_right_one_and_what_the_other_has_is_said(
    desk: Desk,
) -> None:
    text = desk.config.read_text()
    third = f'[[upstream.routes]]\ncsp = "three"\nregions = ["South"]\nn3 = {desk.there.https("n3", "csp")}\n[requests]'
    desk.config.write_text(text.replace('"Central", "South"', '"Central"').replace("[requests]", third))
    # All of them are Central's in the extract.
    desk.order("WO-1", (1, 2, 3, 21), wrong=("North", "Central"))
    desk.there.ask("status", chf=chf_of(2), status="Suspended")
    desk.tell(*(desk.station.result(hub) for hub in (1, 2, 3, 21)), desk.station.order_fact("WO-1", "closed"))

    def again(hub: int, region: str, code: int = 0) -> str:
        return desk("upstream", "again", chf_of(hub), "--set", f"region={region}", *WHY, code=code)

    async def states(hub: int, *wanted: tuple[str, str]) -> None:
        def found() -> list[tuple[str, str]]:
            with desk.database.read() as connection:
                sent = pre_notifications.c
                rows = select(sent.csp, sent.state).where(sent.device == chf_of(hub)).order_by(sent.id)
                return [(row.csp, row.state) for row in connection.execute(rows)]

        await until(lambda: found() == list(wanted))

    desk.there.ask("fault", way="n3", fault="outage")
    async with desk.sending():
        await until(lambda: len(desk.there.rows("calls")) >= 4)
    with desk.database.write() as connection:
        # What was on its way as the worker was stopped may have been taken: let it be answered that it was not.
        connection.execute(pre_notifications.update().values(doubtful=False))
    # Never taken: what was not sent goes to the CSP of the right region, by its way.
    assert f"no way leads to Nowhere, the region of {chf_of(1)}" in again(1, "Nowhere", code=2)
    assert "is sent again to three, with 0002012F\none was sent 0002012F, and has not taken it\n" in again(
        1, "South"
    )
    assert f"{chf_of(21)} is in the next file of WO-1" in again(21, "North")
    desk.there.ask("disarm")
    async with desk.sending():
        await states(3, ("one", "accepted"))
        await states(2, ("one", "refused"))
        await states(1, ("one", "replaced"), ("three", "accepted"))
        # Nor is what was refused there, or taken, or may have been.
        desk.there.ask("status", chf=chf_of(2), status="Pending")
        assert "is sent again to three" in again(2, "South")
        await states(2, ("one", "replaced"), ("three", "accepted"))
        said = again(3, "South")
        assert "if there is anything to tell" in said
        assert "one has taken 0002012F on" in said
        # A later word of theirs goes that way, too, whatever the extract had.
        desk.tell(*(desk.station.result(hub, read_back="0003012F") for hub in (2, 3)))
        await states(2, ("one", "replaced"), ("three", "accepted"), ("three", "accepted"))
        await states(3, ("one", "accepted"), ("three", "accepted"))
    await states(21, ("one", "replaced"))
    with desk.database.write() as connection:
        # As if a worker had died after it had sent the first to the wrong one.
        sent = pre_notifications.c
        connection.execute(
            pre_notifications.update()
            .where(sent.device == chf_of(1), sent.csp == "one")
            .values(state="waiting", doubtful=True)
        )
    assert "one may have taken 0002012F" in again(1, "South")
    desk("ssmi", "write", "WO-1", *BY)
    (path,) = desk.folder.glob("WO-1-ssmi*.csv")
    assert chf_of(21) in path.read_text()
    # A hub of two orders makes the same table of both: an answer is that one's whose file was uploaded.
    desk("requests", "close", "RQ-1", *WHY)
    desk.order("WO-2", (21,))
    desk.tell(desk.station.result(21, order="WO-2"), desk.station.order_fact("WO-2", "closed"))
    desk("ssmi", "write", "WO-2", *BY)
    (other,) = desk.folder.glob("WO-2-ssmi*.csv")
    assert other.read_bytes() == path.read_bytes()
    assert "1 accepted" in desk("ssmi", "upload", path, *BY)
    with desk.database.read() as connection:
        answered = select(ssmi_files.c.work_order, ssmi_rows.c.state).join(ssmi_rows)
        assert sorted(connection.execute(answered).all()) == [("WO-1", "accepted"), ("WO-2", "written")]
    renamed = other.rename(desk.folder / "update.csv")
    assert "may be the file of WO-1 or of WO-2" in desk("ssmi", "upload", renamed, *BY, code=2)
    # What was written, and would be written otherwise by now, is not uploaded.
    said = desk("ssmi", "upload", renamed.rename(other), *BY, code=2)
    assert f"says 0002012F of {chf_of(21)}, which the inventory holds by now" in said
    desk.tell(desk.station.result(21, order="WO-2", read_back="0003012F"))
    newer = desk("ssmi", "write", "WO-2", *BY).partition(" has 1 hub\n")[0]
    again(21, "Central")
    said = desk("ssmi", "upload", newer, *BY, code=2)
    assert f"of {chf_of(21)}, of which nothing may be told by file by now; write it anew" in said
    again(21, "North")
    assert "1 accepted" in desk("ssmi", "upload", newer, *BY)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_option_b_is_an_act_of_its_own_with_an_answer_for_each_row(desk: Desk) -> None:
    bridges = 2, 24  # the request lists their ids as hubs', of either way
    desk.order("WO-1", (1, *bridges, 21, 22, 23))
    desk.there.ask("status", chf=chf_of(22), status="Commissioned")
    desk.tell(
        *(desk.station.result(hub) for hub in (1, 21, 22, 23)),
        *(desk.station.result(each, gpf=None, family="bridge", bridge_type="B2") for each in bridges),
        desk.station.order_fact("WO-1", "closed"),
    )
    async with desk.sending():
        await desk.until_states(accepted=1)
    said = desk("ssmi", "write", "WO-1", *BY)
    assert "3 hubs" in said
    assert all(f"held  {chf_of(each)}  bridge" in said for each in bridges)
    (path,) = desk.folder.glob("WO-1-ssmi*.csv")
    for fault, words in (
        ("outage", "took nothing"),
        ("hang_before", "not known"),
        ("vanish_after", "not known"),
        ("internal", "not known"),
    ):
        desk.there.ask("fault", way="ssmi", fault=fault, times=1)
        assert words in desk("ssmi", "upload", path, *BY, code=1)
    desk.there.ask("fault", way="ssmi", fault="half_rows", times=1)
    assert "1 accepted, 0 refused, 2 not answered" in desk("ssmi", "upload", path, *BY, code=1)
    said = desk("ssmi", "upload", path, *BY, code=1)
    assert "2 accepted, 1 refused, 0 not answered" in said
    assert f"refused  {chf_of(22)}  NOT_PENDING: Commissioned" in said
    assert updates(desk.there) == {(chf_of(hub), "0002012F"): 1 for hub in (1, 21, 23)}
    assert chf_of(22) in desk("upstream", "dead", code=1)
    assert "held  " + chf_of(22) in desk("ssmi", "write", "WO-1", *BY)
    desk.there.ask("status", chf=chf_of(22), status="Pending")
    desk("upstream", "again", chf_of(22), *WHY)
    desk("ssmi", "write", "WO-1", *BY)
    newest = max(
        desk.folder.glob("WO-1-ssmi*.csv"),
        key=lambda each: each.read_text().count(chf_of(22)) * 2 - each.read_text().count("\n"),
    )
    assert "1 accepted, 0 refused" in desk("ssmi", "upload", newest, *BY)
    assert updates(desk.there)[chf_of(22), "0002012F"] == 1
    path.write_text(path.read_text().replace("0002012F", "0002012E"))
    assert "not as it was written here" in desk("ssmi", "upload", path, *BY, code=2)
    desk.tell(desk.station.result(22, read_back="0003012F"))
    assert "which says 0003012F by now" in desk("ssmi", "upload", newest, *BY, code=2)

    def write() -> str:
        return desk("ssmi", "write", "WO-1", *BY).partition(" has 1 hub\n")[0]

    # The same table again, after an answer, is asked anew: of a row that was refused, and of a version that a hub went back to.
    desk.there.ask("status", chf=chf_of(22), status="Commissioned")
    refused = write()
    assert "0 accepted, 1 refused" in desk("ssmi", "upload", refused, *BY, code=1)
    desk.there.ask("status", chf=chf_of(22), status="Pending")
    desk("upstream", "again", chf_of(22), *WHY)
    assert write() == refused
    assert "1 accepted, 0 refused" in desk("ssmi", "upload", refused, *BY)
    desk.tell(desk.station.result(22))
    assert write() == write() == str(newest)
    with desk.database.write() as connection:
        last = connection.execute(select(func.max(ssmi_files.c.id))).scalar_one()
        connection.execute(ssmi_rows.delete().where(ssmi_rows.c.file == last))
    assert "noted no rows" in desk("ssmi", "upload", newest, *BY, code=2)
    write()
    assert "1 accepted, 0 refused" in desk("ssmi", "upload", newest, *BY)
    assert updates(desk.there)[chf_of(22), "0002012F"] == 2
    # What may have been taken is told otherwise, though what was last accepted is what the hub says again.
    desk.tell(desk.station.result(22, read_back="0003012F"))
    desk.there.ask("fault", way="ssmi", fault="vanish_after", times=1)
    assert "not known" in desk("ssmi", "upload", write(), *BY, code=1)
    desk.tell(desk.station.result(22))
    assert "1 accepted, 0 refused" in desk("ssmi", "upload", write(), *BY)
    assert desk.there.versions()[chf_of(22)] == "0002012F"
    assert " has 0 hubs\n" in desk("ssmi", "write", "WO-1", *BY)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_who_cannot_prove_who_they_are_sends_nothing_and_says_why(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    desk.order("WO-1", (1,))
    desk.tell(desk.station.result(1), desk.station.order_fact("WO-1", "closed"))
    own = Authority(desk.folder, "own").issue("csp", valid_for=timedelta(days=-1))
    text = desk.config.read_text()
    said = ""
    # Nor does a hub to whose region no way leads; it waits until one does.
    desk.config.write_text(text.replace('"Central", ', ""))
    async with desk.sending():
        await until(lambda: not _due(desk))
    assert desk.states() == {}

    async def says(words: str) -> None:
        nonlocal said
        said = ""

        def looks() -> bool:
            nonlocal said
            said += capfd.readouterr().err
            return words in said

        async with desk.sending():
            await until(looks)

    desk.config.write_text(
        text.replace(str(desk.there.folder / "csp.pem"), str(own.certificate)).replace(
            str(desk.there.folder / "csp.key"), str(own.key)
        )
    )
    await says("expired on")
    desk.config.write_text(
        text.replace("csp.pem", "dcc-logistics.pem").replace("csp.key", "dcc-logistics.key")
    )
    await says("does not let us in")
    desk.config.write_text(text)
    desk.there.kill()
    await says("nothing can be sent")
    desk.there.start()
    async with desk.sending():
        await desk.until_states(accepted=1)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_server_whose_certificate_has_expired_is_not_spoken_to(
    tmp_path: Path, url: str, inventory: Callable[..., tuple[int, str]]
) -> None:
    (tmp_path / "there").mkdir()
    hubs = [hub_record(chf_of(21), gpf_of(21), region="North")]
    with upstream(tmp_path / "there", hubs, "--server-valid-days", "-1") as there:
        desk = Desk(tmp_path, url, there, inventory)
        with desk.database:
            desk.order("WO-1", (21,))
            desk.tell(desk.station.result(21), desk.station.order_fact("WO-1", "closed"))
            desk("ssmi", "write", "WO-1", *BY)
            (path,) = desk.folder.glob("WO-1-ssmi*.csv")
            said = desk("ssmi", "upload", path, *BY, code=1)
            assert "nothing was sent" in said
            assert "certificate has expired" in said
            assert there.rows("calls") == []


ID = "11111111-2222-3333-4444-555555555555"


def said_by_n3(result: str, more: str = "", of: str = ID) -> bytes:
    space = "urn:reflash:provisional:cspm-n3:1"
    return f'<PreNotificationAnswer xmlns="{space}" NotificationID="{of}"><Result>{result}</Result>{more}</PreNotificationAnswer>'.encode()


@pytest.mark.parametrize(
    ("status", "body", "wanted"),
    [
        (200, said_by_n3("Accepted"), Accepted()),
        (422, said_by_n3("Refused", "<Code>C</Code><Detail>a\n b</Detail>"), Refused("C", "a b")),
        (503, b"", TryAgain("it answered 503", 7.0)),
        (403, b"", NotSent),
        (200, said_by_n3("Refused"), Unknown),
        (422, said_by_n3("Accepted"), Unknown),
        (200, said_by_n3("Accepted", of="another"), Unknown),
        (200, b"", Unknown),
        (204, said_by_n3("Accepted"), Unknown),
        (200, b'<!DOCTYPE a [<!ENTITY b "c">]>' + said_by_n3("&b;"), Unknown),
        (200, said_by_n3("Accepted")[:-5], Unknown),
        (200, b" " * 100_000, Unknown),
        (502, b"", Unknown),
    ],
)
def test_an_answer_means_what_it_says_of_this_notification_and_else_nothing(
    status: int, body: bytes, wanted: Any
) -> None:
    found = read_answer(status, "7", body, ID)
    assert found == wanted if not isinstance(wanted, type) else isinstance(found, wanted)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_names_of_parameters_that_the_schema_does_not_have_are_refused_at_the_start(desk: Desk) -> None:
    desk.config.write_text(desk.config.read_text().replace("n3 = {", 'n3 = {elements = {region = "Area"}, '))
    ways = load_settings(desk.config).upstream
    assert ways is not None
    assert ways.routes[0].n3 is not None
    with pytest.raises(WrongInput, match=r"do not fit: .*Area"):
        Documents(ways.routes[0].n3)
