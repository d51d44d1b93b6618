"""What parties are told: composed from templates, sent by a real mail server, kept as sent, and in nobody's way."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from benches.certificates import Authority
from benches.inventory_desk import Desk, asked, held
from benches.looking import until
from benches.mail_server import MailServer, mail_server
from benches.postgres import somebody_waits
from benches.told_results import chf_of
from inventory.database.engine import Database
from inventory.notices import queue
from inventory.notices.composing import Composer
from inventory.notices.kind import Kind
from inventory.notices.mailer import Mailer
from inventory.notices.settings import NoticeSettings, PartySettings
from inventory.requests.request_file import TEMPLATE

PARTY = PartySettings(name="PARTY", emails=("goods@party.example", "desk@party.example"))


@dataclass
class Mailing:
    """A mailer, and the clock that it goes by."""

    database: Database
    settings: NoticeSettings
    thread: ThreadPoolExecutor
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    parties: tuple[PartySettings, ...] = (PARTY,)

    async def __call__(self, **later: float) -> list[str]:
        """Try what is due, so much later, and return what became of each."""
        self.now += timedelta(**later)
        mailer = Mailer(self.settings, self.parties, self.database, self.thread, lambda: self.now)
        return [each.state for each in (await mailer.send_waiting()).values()]

    def states(self) -> list[tuple[str, str | None]]:
        with self.database.read() as connection:
            return [(row.state, row.answer) for row in reversed(queue.listed(connection))]


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as one:
        yield one


@asynccontextmanager
async def mailing(
    database: Database, thread: ThreadPoolExecutor, templates: Path | None = None
) -> AsyncIterator[tuple[MailServer, Mailing]]:
    async with mail_server() as server:
        settings = NoticeSettings(
            sender="station@csp.example", port=server.port, security="none", templates=templates
        )
        yield server, Mailing(database, settings, thread)


async def test_each_act_is_told_with_its_list_and_kept_as_it_was_sent(
    desk: Desk, database: Database, thread: ThreadPoolExecutor
) -> None:
    lines = [asked(1), asked(2), asked(3), (TEMPLATE, "=1+1", "", "")]
    desk.take(lines, [held(1), held(2), held(3, status="Commissioned")])
    by = ("--by", "A. Person")
    desk("authorise", "RQ-1", "--work-order", "WO-1", "--purchase-order", "PO-7", *by)
    desk("revise", "RQ-1", "--cancel", chf_of(2), "--reason", "as they ask", *by)
    note = ("--delivery-note", "DN-7", "--hub", chf_of(1))
    desk("receive", "RQ-1", *note, *by, group="deliveries")
    desk.take([asked(1)], [held(1)])
    desk.take([asked(4)], [held(4)])
    desk("refuse", "RQ-3", "--reason", "no purchase order", *by)
    async with mailing(database, thread) as (server, mail):
        assert await mail() == ["sent"] * 7
        assert await mail(days=1) == []
    subjects = [each["Subject"] for each in server.messages]
    assert subjects == [
        "Your request RQ-000001 is accepted in part",
        "Your request RQ-000001 is authorised as work order WO-1",
        "Work order WO-1 is amended",
        "Goods received for work order WO-1: 1 accepted, 0 rejected",
        "Your request RQ-000002 is rejected",
        "Your request RQ-000003 is accepted",
        "Your request RQ-000003 is rejected",
    ]
    assert {tuple(each.rcpt_tos) for each in server.taken} == {PARTY.emails}
    first, goods = server.messages[0], server.messages[3]
    body, table = (each.get_content() for each in first.iter_parts())
    assert "2 of its hubs are accepted, 2 are not" in body
    assert "5,'=1+1,unreadable" in table
    assert "4,88-73-84-00-00-00-00-03" in table
    assert chf_of(1) in [*goods.iter_parts()][1].get_content()
    with database.read() as connection:
        kept = queue.one(connection, 1)
    assert kept.message == server.taken[0].original_content
    shown = desk("show", 1, group="notices")
    assert "Subject: Your request RQ-000001 is accepted in part" in shown
    assert desk("list", group="notices").splitlines()[1:] == []


async def test_a_mail_that_is_refused_or_bounces_stops_nothing(
    desk: Desk, database: Database, thread: ThreadPoolExecutor
) -> None:
    for hub in range(1, 5):
        desk.take([asked(hub)], [held(hub)])
    async with mailing(database, thread) as (server, mail):
        with database.write() as connection:
            # Another program is at the last one, and dies.
            assert queue.keep_message(connection, 4, b"", (), mail.now)
            # A third saw it wait before that, and lets it be.
            assert not queue.keep_message(connection, 4, b"", (), mail.now + timedelta(minutes=9))
        with database.read() as connection:
            assert queue.waiting(connection, mail.now, at_once=True) == [1, 2, 3]
            assert queue.waiting(connection, mail.now + timedelta(minutes=10)) == [1, 2, 3, 4]
        by = ("--reason", "told by telephone", "--by", "A. Person")
        assert "notice 4 is being sent" in desk("settle", 4, *by, code=1, group="notices")
        mail.now += timedelta(minutes=10)
        server.answers = ["451 later", "554 no such thing", None]
        assert await mail() == ["waiting", "refused", "waiting", "sent"]
        assert [state for state, _ in mail.states()] == ["waiting", "refused", "waiting", "sent"]
        assert await mail() == []
        # The third was taken, though nobody was told so: it comes again, and can be known by its id.
        assert await mail(minutes=2) == ["sent", "sent"]
        ids = [each["Message-ID"] for each in server.messages]
        assert ids == [f"<reflash-notice-{number}@csp.example>" for number in (3, 4, 1, 3)]
        server.recipients = {"desk@party.example": "550 unknown"}
        desk("again", 2, *by, group="notices")
        assert await mail() == ["refused"]
        assert "550 unknown" in (mail.states()[1][1] or "")
        server.recipients = dict.fromkeys(PARTY.emails, "450 busy")
        desk("again", 2, *by, group="notices")
        assert await mail(hours=1) == ["waiting"]
        server.recipients = dict.fromkeys(PARTY.emails, "550 gone")
        assert await mail(hours=1) == ["refused"]
    assert "notice 2 is settled" in desk("settle", 2, *by, group="notices")
    assert "has to be sent for that" in desk("bounced", 2, *by, code=1, group="notices")
    desk("bounced", 4, *by, group="notices")
    assert "there is no notice 9" in desk("again", 9, *by, code=2, group="notices")
    assert "desk" in desk("list", "--all", group="notices")
    desk("again", 4, *by, group="notices")
    shown = desk("show", 4, group="notices")
    assert " by A. Person: told by telephone\nagain " in shown
    # Nobody listens there any more.
    assert await mail(hours=1) == ["waiting"]
    assert "mail server 127.0.0.1" in (mail.states()[3][1] or "")
    mail.parties = ()
    assert await mail(hours=1) == ["waiting"]
    assert mail.states()[3][1] == "the configuration has no e-mail address of PARTY"
    assert "no [notices]" in desk("send", code=2, group="notices")


def test_what_another_program_says_of_a_try_that_was_overtaken_changes_nothing_but_what_has_left_is_sent(
    desk: Desk, database: Database
) -> None:
    desk.take([asked(1)], [held(1)])
    first, act = datetime.now(UTC), {"reason": "told by telephone", "by": "A. Person"}
    later = first + timedelta(minutes=10)

    def stands(connection: Connection) -> tuple[str, int, bool]:
        row = queue.one(connection, 1)
        return row.state, row.tries, queue.waiting(connection, later, at_once=True) == [1]

    with database.write() as connection:
        assert queue.keep_message(connection, 1, b"", (), first)
        # Taken for dead, it is not: what it says is not what the second is told.
        assert queue.keep_message(connection, 1, b"", (), later)
        for said in ("waiting", "refused"):
            queue.note_answer(connection, 1, first, said, "451 later", later)
        # Nor does one that has no address of that party.
        queue.note_answer(connection, 1, None, "waiting", "no address", later)
        assert stands(connection) == ("waiting", 0, False)
        queue.settle(connection, 1, **act, now=later + timedelta(minutes=10))
        queue.note_answer(connection, 1, later, "waiting", "451 later", later)
        assert stands(connection) == ("settled", 0, False)
        queue.note_answer(connection, 1, first, "sent", "250 taken", later)
        assert stands(connection) == ("sent", 1, False)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_a_notice_that_is_sent_while_somebody_settles_it_is_not_settled(
    desk: Desk, database: Database, thread: ThreadPoolExecutor
) -> None:
    """SQLite has one writer: nothing is put down there meanwhile."""
    desk.take([asked(1)], [held(1)])
    begun = datetime.now(UTC)

    def settle() -> None:
        with database.write() as connection:
            act = {"reason": "told by telephone", "by": "A. Person"}
            queue.settle(connection, 1, **act, now=begun + timedelta(hours=1))

    with database.write() as connection:
        assert queue.keep_message(connection, 1, b"", (), begun)
        queue.note_answer(connection, 1, begun, "sent", "250 taken", begun)
        settled = thread.submit(settle)
        await until(lambda: settled.done() or somebody_waits(database))
    with pytest.raises(queue.NotInThisState, match="notice 1 is sent"):
        settled.result(30)
    with database.read() as connection:
        assert queue.one(connection, 1).state == "sent"


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_sites_own_template_is_taken_and_a_broken_one_waits_to_be_mended(
    desk: Desk, database: Database, thread: ThreadPoolExecutor, tmp_path: Path
) -> None:
    desk.take([asked(1)], [held(1)])
    desk.take([asked(2)], [held(2)])
    own = tmp_path / "own"
    own.mkdir()
    async with mailing(database, thread, own) as (server, mail):
        for broken in ("{% if %}", "{{ colour }}", "{{ ''.__class__.__mro__ }}", "{{ 1 // 0 }}"):
            (own / "request_accepted.txt").write_text(broken)
            assert await mail(hours=2) == ["waiting", "waiting"]
            assert "template request_accepted.txt" in (mail.states()[0][1] or "")
        (own / "request_accepted.txt").write_text("Dear {{ party }}\n{{ accepted }} it is\n")
        # Two programs see the same ones wait: each goes once.
        tried = await asyncio.gather(mail(hours=2), mail())
        assert sorted(state for of_one in tried for state in of_one) == ["sent", "sent"]
    assert [each["Subject"] for each in server.messages] == ["Dear PARTY"] * 2


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_nothing_goes_unencrypted_or_to_a_stranger(
    desk: Desk, database: Database, thread: ThreadPoolExecutor, tmp_path: Path
) -> None:
    desk.take([asked(1)], [held(1)])
    authority = Authority(tmp_path, "mail authority")
    issued = authority.issue("mail")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(issued.certificate, issued.key)
    async with mail_server() as plain, mail_server(tls) as good:
        settings = NoticeSettings(sender="station@csp.example", port=plain.port)
        mail = Mailing(database, settings, thread)
        assert await mail() == ["waiting"]
        mail.settings = settings.model_copy(update={"port": good.port})
        assert await mail(hours=1) == ["waiting"]
        assert (plain.taken, good.taken) == ([], [])
        settings = mail.settings.model_copy(update={"ca_file": authority.file})
        mailer = Mailer(settings, (PARTY,), database, thread, lambda: mail.now + timedelta(hours=1))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(mailer.run(0.01))
            # An act of another program, which tells nobody here.
            desk.take([asked(2)], [held(2)])
            await until(lambda: [state for state, _ in mail.states()] == ["sent", "sent"])
            task.cancel()
        assert len(good.taken) == 2


@given(
    party=st.text(max_size=40),
    request=st.text(max_size=300),
    listing=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
)
def test_no_name_makes_a_header_of_its_own(party: str, request: str, listing: str | None) -> None:
    facts = {"party": party, "request": request, "file": "f", "received": "today", "accepted": 1}
    composer = Composer("station@csp.example", None)
    made = datetime(2026, 11, 3, tzinfo=UTC)
    message = composer.compose(7, Kind.REQUEST_ACCEPTED, facts, PARTY.emails, made, listing)
    read = message_from_bytes(message.as_bytes(), policy=policy.SMTP)
    assert set(read.keys()) <= {
        *("Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "MIME-Version"),
        *("Content-Type", "Content-Transfer-Encoding"),
    }
    assert read["To"] == ", ".join(PARTY.emails)
    assert read["From"] == "station@csp.example"
