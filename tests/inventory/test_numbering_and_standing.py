"""What is pure: numbers that are missing, results that count, whatever came first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from inventory.intake.numbering import Numbering, before_and_between
from inventory.intake.standing import Told, counts, said_last

NOW = datetime(2026, 11, 2, tzinfo=UTC)


@given(st.lists(st.integers(1, 40), min_size=1))
def test_the_gaps_are_exactly_the_numbers_that_have_not_come(numbers: list[int]) -> None:
    book = Numbering(numbers[0], numbers[0])
    for number in numbers:
        book.take(number, NOW)
    missing = [number for gap in book.gaps for number in range(gap.first, gap.last + 1)]
    assert sorted(missing) == sorted(set(range(min(numbers), max(numbers) + 1)) - set(numbers))
    assert (book.lowest, book.highest) == (min(numbers), max(numbers))


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 10))))
def test_what_no_identity_of_a_journal_reaches_is_missing_from_the_first_number_on(
    spans: list[tuple[int, int]],
) -> None:
    known = [(lowest, lowest + more) for lowest, more in spans]
    there = {number for lowest, highest in known for number in range(lowest, highest + 1)}
    found = [n for first, last in before_and_between(known) for n in range(first, last + 1)]
    assert found == sorted(set(range(1, max(there, default=0) + 1)) - there)


TOLD = st.builds(
    Told,
    message=st.integers(1, 99),
    source=st.sampled_from(["/reflash/a/1", "/reflash/a/2"]),
    journal=st.sampled_from(["j", "k"]),
    number=st.integers(1, 50),
    finished=st.integers(0, 5).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    attempt=st.integers(1, 4),
    outcome=st.sampled_from(["passed", "already_current", "rejected", "failed"]),
    firmware_read_back=st.sampled_from([None, "00000001", "00000002"]),
)


@given(st.data(), st.lists(TOLD, min_size=1, unique_by=lambda told: (told.source, told.journal, told.number)))
def test_what_counts_and_what_was_said_last_do_not_depend_on_what_came_first(
    data: st.DataObject, told: list[Told]
) -> None:
    in_another_order = data.draw(st.permutations(told))
    last = said_last(told)
    assert said_last(in_another_order) == last
    assert counts(in_another_order).outcome == counts(told).outcome
    successes = [each for each in told if each.outcome in ("passed", "already_current")]
    assert (counts(told) in successes) == bool(successes)
    # Stations count attempts each of their own: who found it current later did not undo that it was re-flashed.
    assert (counts(told).outcome == "passed") == any(each.outcome == "passed" for each in told)
    if last is not None:
        later = [each for each in told if each.number > last.number and each.firmware_read_back]
        assert not [each for each in later if (each.source, each.journal) == (last.source, last.journal)]
    else:
        assert not any(each.firmware_read_back for each in told)
