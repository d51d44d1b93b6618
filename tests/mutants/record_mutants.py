"""Mutants of the record: what the journal holds, refuses and tells, and when a result counts as delivered."""

from __future__ import annotations

from mutant import Mutant

_RECORDS = "tests/station/records"
_PUBLISHING = "tests/station/publishing"
_DESK = "tests/station/orders/test_desk.py"
_PUBLISHER = f"{_PUBLISHING}/test_publisher_access.py"

RECORD_MUTANTS = (
    Mutant(
        "a pass does not clear the row of failures in the journal",
        "station/records/facts/bench.py",
        "    if event.outcome is Outcome.PASSED:\n        _forget_slot_failures(tables, event.place)\n    elif",
        "    if",
        (
            f"{_RECORDS}/test_bench_records.py::test_a_slots_failures_are_in_a_row_until_one_passes_or_a_person_enables_it",
        ),
    ),
    Mutant(
        "an answer that is due is not counted",
        "station/records/facts/unlocks.py",
        "        case UnlockAnswerDue() | UnlockAnswerRefused():\n",
        "        case UnlockAnswerDue():\n            pass\n        case UnlockAnswerRefused():\n",
        (f"{_RECORDS}/test_bench_records.py",),
    ),
    Mutant(
        "an attempt gets a second result",
        "station/records/facts/attempts.py",
        "    if found[0] is not None:\n        raise AttemptHasResult(attempt)\n",
        "",
        (f"{_RECORDS}/test_ledger.py",),
    ),
    Mutant(
        "a lost hub is not lost any more once it is interrupted",
        "station/records/facts/attempts.py",
        '"UPDATE attempts SET lost = 1 WHERE attempt = ?"',
        '"UPDATE attempts SET lost = 0 WHERE attempt = ?"',
        (f"{_RECORDS}/test_ledger.py",),
    ),
    Mutant(
        "a late failure takes a success back",
        "station/records/facts/orders.py",
        "    if found is None or found[0] in SUCCESSES:\n",
        "    if found is None:\n",
        (f"{_RECORDS}/test_ledger.py", f"{_RECORDS}/test_ledger_machine.py"),
    ),
    Mutant(
        "an attempt opens on a closed order",
        "station/records/conditions.py",
        "        raise OrderIsClosed(order, found[0])\n",
        "        pass\n",
        (_DESK,),
    ),
    Mutant(
        "an attempt opens for an order that its jig does not work on",
        "station/records/conditions.py",
        "        raise OrderNotHere(order, jig)\n",
        "        pass\n",
        (_DESK, "tests/station/attempt/test_taking_up.py"),
    ),
    Mutant(
        "an order closes over a hub in work that it ends itself",
        "station/records/conditions.py",
        "for attempt, place in still if attempt in live]:",
        "for attempt, place in still if attempt in live and attempt not in ended]:",
        (_DESK,),
    ),
    Mutant(
        "nothing is said of what a hub that never came back was left as",
        "station/orders/desk.py",
        "if attempt.steps else None\n    return close(",
        "if not attempt.steps else None\n    return close(",
        (_DESK,),
    ),
    Mutant(
        "a hub taken up again is not in work",
        "station/records/conditions.py",
        "            return live | {event.attempt}\n",
        "            return live\n",
        (_DESK,),
    ),
    Mutant(
        "a journal failure inside a request is swallowed",
        "station/control.py",
        "    except JournalError:\n        raise\n",
        "",
        ("tests/station/test_control.py", "tests/station/daemon/test_daemon.py"),
    ),
    Mutant(
        "what a broker sends of itself counts as delivered",
        "station/publishing/returns.py",
        "result = self._missing.pop((topic, payload), None)",
        "result = self._missing.pop(next((key for key in self._missing if key[0] == topic), (topic, payload)), None)",
        (f"{_PUBLISHING}/test_returns.py",),
    ),
    Mutant(
        "a broker's acknowledgement counts as delivered",
        "station/publishing/publisher.py",
        "await self._journal.append(ResultsAcknowledged(station_sequences=returns.back))",
        "await self._journal.append(\n"
        "                    ResultsAcknowledged(station_sequences=tuple(one.station_sequence for one in results))\n"
        "                )",
        (_PUBLISHER,),
    ),
    Mutant(
        "two results of one hub are in flight",
        "station/publishing/publisher.py",
        "        if result.hub is None or result.hub not in hubs:\n            chosen.append(result)\n",
        "        chosen.append(result)\n",
        (f"{_PUBLISHING}/test_publisher.py::test_of_each_hub_only_the_oldest_is_in_flight",),
    ),
)
