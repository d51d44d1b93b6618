"""Mutants of what keeps a hub out of a carton, and a carton out of use: by the last durable result, and by what a slot sees."""

from __future__ import annotations

from mutant import Mutant

_SETS = "tests/station/packing/test_sets.py"
_DESK = "tests/station/packing/test_packing_desk.py"
_RULE = "tests/station/packing/test_belonging.py"
_CONDITIONS = "station/records/packing_conditions.py"
_BELONGING = "station/packing/belonging.py"
_TABLE = "station/screen/packing.py"
_SCANS = "tests/station/screen/test_packing_table.py"

PACKING_MUTANTS = (
    Mutant(
        "a hub whose release was withdrawn since it passed is packed",
        "station/desk/packing_desk.py",
        "if look.goes_home is not None and self._is_recalled(look.goes_home):",
        "if False:",
        ("tests/station/daemon/test_packing_walk.py",),
    ),
    Mutant(
        "the hub after the one that filled a carton goes there, too",
        _TABLE,
        "        if put.closed:\n            self._end()\n",
        "        if put.closed:\n            pass\n",
        (f"{_SCANS}::test_hubs_reach_a_closed_pallet_by_scans_alone",),
    ),
    Mutant(
        "a carton is closed short by who has not seen what is in it",
        _TABLE,
        "expected_hubs=chosen.inside)",
        "expected_hubs=None)",
        (f"{_SCANS}::test_of_two_tables_the_second_is_told_that_its_count_is_old",),
    ),
    Mutant(
        "a hub is unpacked by a scan, as far as the page says",
        _TABLE,
        "        if self._put_last is not None:\n",
        "        if self._put_last is None and self._hub is not None:\n",
        (f"{_SCANS}::test_hubs_reach_a_closed_pallet_by_scans_alone",),
    ),
    Mutant(
        "a golden hub goes where any hub of no order goes",
        _BELONGING,
        "    if known.golden:\n",
        "    if known.golden and known.listed:\n",
        (f"{_DESK}::test_hands_at_the_crates_are_told_what_is_wrong",),
    ),
    Mutant(
        "a place takes what does not belong there",
        _CONDITIONS,
        "    if line is not None:\n        raise PlaceRefused(line",
        "    if line is None and known.last is None:\n        raise PlaceRefused(str(known)",
        (f"{_DESK}::test_hands_at_the_crates_are_told_what_is_wrong",),
    ),
    Mutant(
        "a hub that is somewhere already is put somewhere else",
        _CONDITIONS,
        "    if known.stands != taken_from:\n",
        "    if known.stands is None and taken_from is not None:\n",
        (f"{_DESK}::test_hands_at_the_crates_are_told_what_is_wrong",),
    ),
    Mutant(
        "a label is enough that is scanned while its hub sits in a slot",
        "station/desk/packing_desk.py",
        '        if place is not None:\n            raise Conflict(\n                f"{hub.hub} still',
        '        if place is not None and hub.gpf is None:\n            raise Conflict(\n                f"{hub.hub} still',
        ("tests/station/daemon/test_packing_walk.py",),
    ),
    Mutant(
        "a hub that was put aside goes into a carton unread",
        _CONDITIONS,
        "        and taken_from.place is not Destination.CARTON\n",
        "        and taken_from.place is Destination.MAKER\n",
        (f"{_DESK}::test_a_hub_is_taken_out_and_goes_back_only_once_it_was_read_again",),
    ),
    Mutant(
        "a bridge is packed before the rest of its set is ready",
        "station/packing/belonging.py",
        "        elif mate.rule.to is not Destination.CARTON or stands is not None:\n",
        "        elif False:\n",
        (_SETS,),
    ),
    Mutant(
        "a set is begun in two cartons",
        "station/packing/belonging.py",
        "            if stands.carton != carton:\n",
        "            if False:\n",
        (_SETS,),
    ),
    Mutant(
        "a technician parts a set by closing its carton short",
        _CONDITIONS,
        'event.actor.role == "technician"',
        'event.actor.role == "nobody"',
        (_SETS,),
    ),
    Mutant(
        "a packed set whose premises are another by now is left alone",
        "station/desk/revision_desk.py",
        "    of_set = (line.premises,) if isinstance(line, BridgeLine) else ()\n",
        "    of_set = ()\n",
        (_SETS,),
    ),
    Mutant(
        "two premises' sets are one kind",
        "station/domain/contents.py",
        "(self.owner, self.premises) == (other.owner, other.premises)",
        "self.owner == other.owner",
        (_SETS,),
    ),
    Mutant(
        "a set that lacks a bridge is taken in",
        "station/orders/csv_import.py",
        "            if len(members) != first.set_members:\n",
        "            if len(members) > first.set_members:\n",
        ("tests/station/orders/test_bridge_orders.py",),
    ),
    Mutant(
        "a carton holds two kinds",
        _CONDITIONS,
        "    if into.contents is not None and event.contents is not None and not into.contents.is_with(event.contents):\n",
        "    if into.contents is not None and into.contents.model != event.contents.model:\n",
        (f"{_DESK}::test_hands_at_the_crates_are_told_what_is_wrong",),
    ),
    Mutant(
        "a held carton is packed into",
        _CONDITIONS,
        "    if into.held is not None:\n",
        "    if into.held is not None and into.closed is not None:\n",
        (f"{_DESK}::test_a_packed_hub_that_is_seated_again_leaves_its_carton_which_is_held",),
    ),
    Mutant(
        "a full carton stays open",
        _CONDITIONS,
        "    if into.hubs + 1 >= capacity and number not in closed:\n",
        "    if into.hubs + 1 > into.capacity and number not in closed:\n",
        (f"{_DESK}::test_the_journal_itself_keeps_cartons_right",),
    ),
    Mutant(
        "a pallet goes to two parties",
        _CONDITIONS,
        "    if others - {put.contents.owner}:\n",
        "    if len(others) > 1:\n",
        (f"{_DESK}::test_a_pallet_takes_closed_cartons_of_one_order_and_party",),
    ),
    Mutant(
        "a hub that a slot sees stays in its carton by the books",
        "station/records/projection.py",
        "if left := packing.leave_for_slot(tables, written, event):",
        "if left := []:",
        (f"{_DESK}::test_a_packed_hub_that_is_seated_again_leaves_its_carton_which_is_held",),
    ),
    Mutant(
        "of a pallet that a carton left nothing is told",
        "station/records/facts/packing_told.py",
        "    pallets = {stack, *(each.pallet for each in left)} - {None}\n",
        "    pallets = {stack} - {None}\n",
        (f"{_DESK}::test_a_packed_hub_that_is_seated_again_leaves_its_carton_which_is_held",),
    ),
    Mutant(
        "a carton that lacks a hub is not held",
        "station/records/facts/packing.py",
        "        if held is not None:\n",
        "        if held is None:\n",
        (f"{_DESK}::test_a_foreign_hub_in_a_sealed_carton_holds_both_cartons",),
    ),
    Mutant(
        "a hub that passed and is unlocked goes home",
        _BELONGING,
        "        if last.unsettled is not None:\n",
        "        if last.unsettled is not None and last.mislabelled:\n",
        (_RULE,),
    ),
    Mutant(
        "a hub with another's label goes home",
        _BELONGING,
        "        if last.mislabelled:\n",
        "        if last.mislabelled and last.firmware is None:\n",
        (_RULE,),
    ),
    Mutant(
        "a pass stands although another order has worked on the hub since",
        _BELONGING,
        "    if last.order != known.order:\n",
        "    if last.order is None:\n",
        (_RULE,),
    ),
    Mutant(
        "scrap needs nobody",
        _BELONGING,
        "    if rule.to is to and (to is not Destination.SCRAP or decided):\n",
        "    if rule.to is to:\n",
        (_RULE, _DESK),
    ),
    Mutant(
        "numbers are given again after a restore",
        "station/records/facts/packed.py",
        "        passed_over = PASSED_OVER if restored > max(sequence, 1) else 0\n",
        "        passed_over = 0\n",
        (f"{_DESK}::test_what_is_over_stays_findable_and_numbers_are_not_given_twice",),
    ),
    Mutant(
        "an order is closed over hubs that are nowhere",
        "station/orders/reconcile.py",
        "        return not (self.open or self.unattributed or self.missing or self.unfinished or self.withdrawn)\n",
        "        return not (self.open or self.unattributed or self.never_seen)\n",
        ("tests/station/cli/test_packing_commands.py", "tests/station/orders/test_order_life_cycle.py"),
    ),
    Mutant(
        "a carton is released over a hub that its order lists no more",
        _CONDITIONS,
        "            yield placing.hub\n",
        "            del placing\n    yield from ()\n",
        (
            "tests/station/orders/test_revision.py::test_a_withdrawn_hub_goes_to_quarantine_also_out_of_a_carton",
        ),
    ),
)
