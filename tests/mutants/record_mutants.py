"""Mutants of the record: what the journal holds, refuses and tells, and when a result counts as delivered."""

from __future__ import annotations

from mutant import Mutant

_RECORDS = "tests/station/records"
_PUBLISHING = "tests/station/publishing"
_DESK = "tests/station/orders/test_desk.py"
_THE_DESK = "tests/station/desk/test_desk_answers.py"
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
        "two open orders list one hub, so that a pass counts twice",
        "station/records/conditions.py",
        "                    raise HubsOnOpenOrders(event.order, listed)\n",
        "                    pass\n",
        (f"{_DESK}::test_a_hub_is_on_one_open_order_at_a_time",),
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
        "    require_open_order(tables, order)\n",
        "",
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
        "station/desk/order_desk.py",
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
        "station/desk/desk.py",
        "            if not isinstance(error, JournalHeldUp) and",
        "            if isinstance(error, JournalHeldUp) and",
        (_THE_DESK,),
    ),
    Mutant(
        "whoever reaches a socket may ask everything",
        "station/desk/rights.py",
        "    if role not in may:\n",
        "    if role not in Role:\n",
        (_THE_DESK,),
    ),
    Mutant(
        "somebody at the bench says who it was",
        "station/desk/desk.py",
        "        elif by is not None and role is not Role.ACCOUNT:\n            raise",
        "        elif by is not None and role is Role.ACCOUNT and not by:\n            raise",
        (
            "tests/station/cli/test_watch.py::test_at_the_desk_socket_people_look_and_scan_and_nothing_else",
            "tests/station/desk/test_people_at_the_desk.py::test_nobody_is_a_supervisor_by_saying_so",
        ),
    ),
    Mutant(
        "a command that is sent again over a restart is done again",
        "station/desk/desk.py",
        "await self._kept_answer(command, key) or ",
        "",
        (_THE_DESK,),
    ),
    Mutant(
        "a command that is sent again while it is being done is done twice",
        "station/desk/desk.py",
        "        if running is not None:\n",
        "        if running is None and self._running is None:\n",
        (_THE_DESK,),
    ),
    Mutant(
        "a key stands for any command",
        "station/desk/desk.py",
        "        if sha256 != command.fingerprint():\n",
        "        if not sha256:\n",
        (_THE_DESK,),
    ),
    Mutant(
        "what changed nothing is not remembered",
        "station/desk/desk.py",
        "        if not act.recorded:  #",
        "        if act.recorded:  #",
        (_THE_DESK,),
    ),
    Mutant(
        "what somebody takes for given is not held against the tables",
        "station/records/conditions.py",
        "                event.hold(tables)\n",
        "                pass\n",
        (_THE_DESK,),
    ),
    Mutant(
        "what a broker sends of itself counts as delivered",
        "station/publishing/returns.py",
        "message = self._missing.pop((topic, payload), None)",
        "message = self._missing.pop(next((key for key in self._missing if key[0] == topic), (topic, payload)), None)",
        (f"{_PUBLISHING}/test_returns.py",),
    ),
    Mutant(
        "answers given in rows that were lost do not count",
        "station/records/facts/unlocks.py",
        '        tables.execute("INSERT OR REPLACE INTO hubs VALUES (?, 1)", (EVERY_OTHER_HUB,))\n',
        "",
        (f"{_RECORDS}/test_copies.py",),
    ),
    Mutant(
        "a journal begun beside one that was set aside knows of no answers",
        "station/records/opening.py",
        "(UnlockAnswersUnknown(),) if set_aside(path.parent) else ()",
        "()",
        (f"{_RECORDS}/test_copies.py",),
    ),
    Mutant(
        "what the broker hangs up at holds all others up",
        "station/publishing/hang_ups.py",
        "        return max(1, next(suspected, len(messages)))\n",
        "        return len(messages)\n",
        (f"{_PUBLISHING}/test_hang_ups.py",),
    ),
    Mutant(
        "a broker's acknowledgement counts as delivered",
        "station/publishing/session.py",
        "*acknowledged(returns.back)",
        "*acknowledged(one.number for one in messages)",
        (_PUBLISHER,),
    ),
    Mutant(
        "two results of one hub are in flight",
        "station/publishing/returns.py",
        "        if message.ordering_key is None or message.ordering_key not in keys:\n            chosen.append(message)\n",
        "        chosen.append(message)\n",
        (f"{_PUBLISHING}/test_publisher.py::test_of_each_hub_only_the_oldest_is_in_flight",),
    ),
)
