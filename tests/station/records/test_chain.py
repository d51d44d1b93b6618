from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches.journal_samples import closed, hub_facts, order_events, ticking_clock
from station.domain.outcome import Stage
from station.domain.slot_name import SlotName
from station.records.chain import GENESIS, BrokenChain, ChainHead, canonical_json, follow, recorded_event
from station.records.facts.attempts import AttemptOpened, HubLost
from station.records.facts.journal import JournalCreated
from station.records.moments import microseconds_from_utc, utc_from_microseconds

JOURNAL = UUID("00112233-4455-6677-8899-aabbccddeeff")


def test_golden_first_row() -> None:
    event = JournalCreated(journal=JOURNAL, site="leeds", station="bench-1")
    recorded, row = ChainHead(JOURNAL, 0, GENESIS).extend(event, ticking_clock)
    body = (
        '{"journal":"00112233-4455-6677-8899-aabbccddeeff","kind":"journal_created",'
        '"site":"leeds","station":"bench-1"}'
    )
    assert row[3] == body
    covered = ("00112233-4455-6677-8899-aabbccddeeff\n1\n1767323045123456\n42000000001\n" + body).encode()
    assert recorded.hash == hashlib.sha256(bytes(32) + covered).digest()
    assert recorded.hash.hex() == "bc6325bc20c83a0d631f0c1d85ff71e4b05f611909f91964b93f2d7d678a37cd"
    assert recorded.id == "00112233-4455-6677-8899-aabbccddeeff:1"
    assert recorded.utc == datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)


def test_a_number_of_another_type_is_an_edit_though_it_would_be_hashed_alike() -> None:
    head = ChainHead(JOURNAL, 0, GENESIS)
    _, (sequence, utc, monotonic_ns, body, digest) = head.extend(closed(3), ticking_clock)
    whole = (sequence, utc, monotonic_ns, body.encode(), digest)
    assert follow(head, [whole]).hash == digest
    with pytest.raises(BrokenChain, match="changed its type"):
        follow(head, [(sequence, utc, float(monotonic_ns), body.encode(), digest)])


def test_a_row_reads_back_as_it_was_written() -> None:
    head = ChainHead(JOURNAL, 6, GENESIS)
    for event in (closed(3), *order_events()):
        recorded, row = head.extend(event, ticking_clock)
        assert recorded_event(JOURNAL, row) == recorded


def test_text_beyond_ascii_and_line_feeds_stay_within_their_row() -> None:
    event = AttemptOpened(place=SlotName(jig="Prüf\nstand", slot=1), order="\u2028", hub=None, number=1)
    _, row = ChainHead(JOURNAL, 0, GENESIS).extend(event, ticking_clock)
    assert "\n" not in row[3]
    assert "Prüf\\nstand" in row[3]


def test_numbers_that_json_does_not_know_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"seconds": float("nan")})


def chain(count: int) -> list[tuple[int, int, int, bytes, bytes]]:
    head = ChainHead(JOURNAL, 0, GENESIS)
    rows = []
    for attempt in range(count):
        recorded, row = head.extend(HubLost(attempt=attempt, stage=Stage.FLASH), ticking_clock)
        head = head.moved_to(recorded)
        rows.append((row[0], row[1], row[2], row[3].encode(), row[4]))
    return rows


ROWS = chain(8)
START = ChainHead(JOURNAL, 0, GENESIS)


def test_an_untouched_chain_leads_to_its_head() -> None:
    assert follow(START, ROWS) == ChainHead(JOURNAL, 8, ROWS[-1][4])
    assert follow(START, []) == START


@given(row=st.integers(0, 7), column=st.integers(1, 4), data=st.data())
def test_any_edited_field_is_found_at_its_row(row: int, column: int, data: st.DataObject) -> None:
    rows = list(ROWS)
    edited = list(rows[row])
    if isinstance(edited[column], int):
        edited[column] = data.draw(st.integers().filter(lambda value: value != ROWS[row][column]))
    else:
        position = data.draw(st.integers(0, len(edited[column]) - 1))
        flipped = edited[column][position] ^ data.draw(st.integers(1, 255))
        edited[column] = edited[column][:position] + bytes([flipped]) + edited[column][position + 1 :]
    rows[row] = tuple(edited)
    with pytest.raises(BrokenChain) as broken:
        follow(START, rows)
    assert broken.value.sequence == row + 1


@given(row=st.integers(0, 6))
def test_a_dropped_or_swapped_row_is_found(row: int) -> None:
    with pytest.raises(BrokenChain) as broken:
        follow(START, ROWS[:row] + ROWS[row + 1 :])
    assert broken.value.sequence == row + 1
    swapped = [*ROWS[:row], ROWS[row + 1], ROWS[row], *ROWS[row + 2 :]]
    with pytest.raises(BrokenChain):
        follow(START, swapped)


def test_a_field_of_another_type_is_found() -> None:
    rows = [*ROWS[:2], (3, "now", *ROWS[2][2:]), *ROWS[3:]]
    with pytest.raises(BrokenChain, match="row 3"):
        follow(START, rows)


def test_rows_of_another_journal_do_not_fit() -> None:
    other = ChainHead(UUID(int=1), 0, GENESIS)
    with pytest.raises(BrokenChain):
        follow(other, ROWS)


@given(st.integers(0, 4_000_000_000_000_000))
def test_moments_survive_the_way_through_a_row(microseconds: int) -> None:
    assert microseconds_from_utc(utc_from_microseconds(microseconds)) == microseconds


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda v: st.lists(v) | st.dictionaries(st.text(), v),
    )
)
def test_canonical_json_is_json_and_does_not_depend_on_the_order_of_keys(value: object) -> None:
    text = canonical_json(value)
    assert json.loads(text) == value
    assert "\n" not in text
    if isinstance(value, dict):
        assert canonical_json(dict(reversed(value.items()))) == text


def test_facts_are_hashable_so_that_places_can_be_counted() -> None:
    assert len({hub_facts(1), hub_facts(1), hub_facts(2)}) == 2
