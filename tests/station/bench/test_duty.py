"""Who works where: what the bench remembers is what the journal's tables say, whatever people do."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from benches.journal_samples import ledger_in, write
from station.bench.duty import Duty
from station.domain.actor import Actor
from station.records.expectations import WorksAt
from station.records.facts.people import SignedOff, SignedOn, WhySignedOff, signed_on
from station.records.reader import JournalReader

PLACES = (None, "jig1", "jig2")
ACTS = st.tuples(st.booleans(), st.sampled_from(PLACES), st.sampled_from(["op-a", "op-b"]))


def fact(on: bool, jig: str | None, who: str) -> SignedOn | SignedOff:
    if on:
        return SignedOn(jig=jig, actor=Actor(pseudonym=who), proof="badge")
    return SignedOff(jig=jig, pseudonym=who, why=WhySignedOff.ASKED)


@settings(max_examples=20)
@given(st.lists(ACTS, max_size=10))
def test_the_benchs_memory_is_what_the_tables_say(acts: list[tuple[bool, str | None, str]]) -> None:
    with tempfile.TemporaryDirectory() as top:
        folder, duty, after_restart = Path(top), Duty(), Duty(["jig1"])
        with ledger_in(folder) as ledger, JournalReader(folder) as reader:
            for act in acts:
                (outcome,) = ledger.commit([(fact(*act),)])
                assert isinstance(outcome, tuple) or not act[0], "only signing off can be refused"
                for recorded in outcome if isinstance(outcome, tuple) else ():
                    duty.hear(recorded)
            after_restart.recall(reader.ask(signed_on))
            assert set(duty.everybody()) == set(after_restart.everybody())
            write(ledger, *(WorksAt(jig, duty.at(jig)) for jig in PLACES))
            assert after_restart.nobody_at("jig1") == (duty.at("jig1") is None)
            assert not after_restart.nobody_at("jig2"), "nobody has to be there"
