"""Mutants of what a slot bore and how it fared: by which a part is replaced in time, and a slot looked at that fails hubs."""

from __future__ import annotations

from mutant import Mutant

_ACCOUNT = "tests/station/reports/test_account.py"
_RATES = "tests/station/upkeep/test_rates.py"
_COMMAND = "tests/station/cli/test_upkeep_command.py"
_SEATINGS = "station/reports/seatings.py"
_SERVICE = "station/upkeep/service.py"

UPKEEP_MUTANTS = (
    Mutant(
        "a slot bears what its board counts though more was seen",
        _SEATINGS,
        "max(counted, seen) - slot.told",
        "counted - slot.told",
        (f"{_ACCOUNT}::test_a_slot_bears_what_its_board_counts_and_never_less_than_was_seen",),
    ),
    Mutant(
        "a counter that goes back has counted all that it says",
        _SEATINGS,
        "if step < _COUNTS // 2 else 0)",
        "if step < _COUNTS // 2 else now)",
        (f"{_ACCOUNT}::test_a_slot_bears_what_its_board_counts_and_never_less_than_was_seen",),
    ),
    Mutant(
        "a counter that comes back to where it was has counted all the way",
        _SEATINGS,
        "steps.append(min(step, beyond) if",
        "steps.append(step if",
        (f"{_ACCOUNT}::test_a_slot_bears_what_its_board_counts_and_never_less_than_was_seen",),
    ),
    Mutant(
        "a hub that is counted before it is recognised counts twice",
        _SEATINGS,
        "goes_on and counted > seen",
        "False",
        (f"{_ACCOUNT}::test_a_hub_that_is_counted_before_it_is_recognised_counts_once",),
    ),
    Mutant(
        "a new part bears what its slot had borne before the board was asked",
        _SEATINGS,
        "counted = 0 if slot.serviced else now",
        "counted = now",
        (f"{_ACCOUNT}::test_a_new_part_bears_only_what_comes_after_it",),
    ),
    Mutant(
        "a new part bears the visits that were seen before it",
        _SEATINGS,
        "                slot.told += pending\n",
        "                pass\n",
        (f"{_ACCOUNT}::test_a_new_part_bears_only_what_comes_after_it",),
    ),
    Mutant(
        "a part is overdue one insertion late",
        _SERVICE,
        "Due.OVERDUE if borne >= limit",
        "Due.OVERDUE if borne > limit",
        (f"{_COMMAND}::test_what_is_due_is_said_and_counts_from_the_day_of_its_service",),
    ),
    Mutant(
        "a replaced part is as old as the slot",
        _SERVICE,
        "0 if serviced is None else serviced.sequence",
        "0",
        (f"{_COMMAND}::test_what_is_due_is_said_and_counts_from_the_day_of_its_service",),
    ),
    Mutant(
        "chance is reckoned without its last case",
        "station/upkeep/exact.py",
        "for marked in range(here, most):",
        "for marked in range(here, most - 1):",
        (f"{_RATES}::test_the_exact_test_is_what_drawing_hubs_makes_it",),
    ),
    Mutant(
        "one hub that fails again and again has its slot named",
        "station/upkeep/rates.py",
        "return self.hubs >= HUBS_TO_NAME",
        "return self.marked >= HUBS_TO_NAME",
        (f"{_RATES}::test_a_slot_is_named_that_fails_more_hubs_than_chance_has_it",),
    ),
    Mutant(
        "a slot is held against days on which it had no hub",
        "station/upkeep/rates.py",
        "all_seen = sum(together.seen[day] for day in own.seen)",
        "all_seen = sum(together.seen.values())",
        (f"{_RATES}::test_a_slot_is_held_against_the_others_of_its_own_days",),
    ),
)
