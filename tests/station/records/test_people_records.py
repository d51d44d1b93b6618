"""Who is signed on, and wrong PINs, over segments; and that whoever is named is still the one who works there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from benches.journal_samples import ledger_in, settings, write
from station.domain.actor import Actor
from station.records.errors import EventRefused, NotAsExpected
from station.records.expectations import WorksAt
from station.records.facts.people import (
    OnDuty,
    PinAccepted,
    PinLockLifted,
    PinRefused,
    SignedOff,
    SignedOn,
    WhySignedOff,
    WrongPins,
    signed_on,
    tried_from,
    wrong_pins,
)
from station.records.reader import JournalReader
from station.records.rebuild import rebuild


def on(pseudonym: str, jig: str | None) -> SignedOn:
    return SignedOn(jig=jig, actor=Actor(pseudonym=pseudonym, role="technician", where="desk"), proof="pin")


def off(pseudonym: str, jig: str | None) -> SignedOff:
    return SignedOff(jig=jig, pseudonym=pseudonym, why=WhySignedOff.ASKED)


def test_one_person_is_signed_on_at_a_place_and_the_jigs_own_before_the_benchs(folder: Path) -> None:
    moment = datetime.fromtimestamp(settings(folder).clock()[0] / 1e6, UTC)
    with ledger_in(folder, segment_rows=4) as ledger, JournalReader(folder) as reader:
        write(ledger, on("op-a", "jig1"))
        write(ledger, on("op-b", None))
        write(ledger, on("op-c", "jig1"))
        write(ledger, on("op-b", "jig2"))
        write(
            ledger,
            WorksAt("jig1", "op-c"),
            WorksAt("jig2", "op-b"),
            WorksAt("jig3", "op-b"),
            WorksAt(None, "op-b"),
        )
        (refused,) = ledger.commit([(off("op-a", "jig1"),)])
        assert (type(refused), str(refused)) == (EventRefused, "op-a is not signed on at jig1")
        write(ledger, off("op-c", "jig1"), off("op-b", "jig2"))
        assert reader.ask(signed_on) == (OnDuty(None, "op-b", moment),)
        write(ledger, WorksAt("jig1", "op-b"), off("op-b", None))
        write(ledger, WorksAt("jig1", None), WorksAt(None, None))
        write(ledger, on("op-a", "jig1"))
        for expected, says in (
            (WorksAt("jig1", None), "op-a is signed on at jig1 now, not nobody"),
            (WorksAt("jig2", "op-a"), "nobody is signed on at jig2 now, not op-a"),
            (WorksAt(None, "op-a"), "nobody is signed on for the bench now, not op-a"),
        ):
            (refused,) = ledger.commit([(expected, on("op-z", "jig1"))])
            assert isinstance(refused, NotAsExpected)
            assert str(refused).startswith(f"{says} as was expected")
            assert refused.facts["pseudonym"] == ("op-a" if expected.jig == "jig1" else None)
        assert [each.pseudonym for each in reader.ask(signed_on)] == ["op-a"]
    assert rebuild(folder).differing == ()


@pytest.mark.parametrize(
    "end", [PinAccepted(pseudonym="op-a"), PinLockLifted(pseudonym="op-a", actor=Actor(pseudonym="s"))]
)
def test_wrong_pins_are_counted_until_one_is_right_or_a_supervisor_lifts_it(
    folder: Path, end: PinAccepted | PinLockLifted
) -> None:
    with ledger_in(folder, segment_rows=4) as ledger, JournalReader(folder) as reader:
        for _ in range(6):
            write(ledger, PinRefused(pseudonym="op-a", where="desk"))
        assert reader.ask(tried_from, "op-a", "b2").wrong is None
        counted = reader.ask(wrong_pins, "op-a")
        assert isinstance(counted, WrongPins)
        assert (counted.wrong, reader.ask(wrong_pins, "op-b")) == (6, None)
        write(ledger, end)
        assert reader.ask(wrong_pins, "op-a") is None
        (refused,) = ledger.commit([(PinLockLifted(pseudonym="op-a", actor=Actor(pseudonym="s")),)])
        assert str(refused) == "no wrong PIN counts against op-a"
    assert rebuild(folder).differing == ()
