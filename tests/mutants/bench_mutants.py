"""Mutants of the bench: who sits in a slot, what it shows, and what has power."""

from __future__ import annotations

from mutant import Mutant

_BENCH = "tests/station/bench"
_GAPS = f"{_BENCH}/test_gaps.py"
_HANDS = f"{_BENCH}/test_hands.py"
_JIG = f"{_BENCH}/test_jig.py"
_INPUTS = f"{_BENCH}/test_jig_inputs.py"
_LATCHES = f"{_BENCH}/test_latches.py"
_LIVE_HUBS = f"{_BENCH}/test_live_hubs.py"
_OUTLOOK = f"{_BENCH}/test_outlook.py"
_SHOWN = f"{_BENCH}/test_shown.py"
_VISIT = f"{_BENCH}/test_visit.py"
_PACKING = "tests/station/packing/test_packing_desk.py"
_PACKING_WALK = "tests/station/daemon/test_packing_walk.py"
_CHECK = "tests/station/attempt/test_golden_check.py"
_SHIFT = "tests/station/bench/test_start_of_shift.py"
_GOLDEN = "tests/station/attempt/test_golden_check_meanwhile.py"
_SLOT = f"{_BENCH}/test_slot.py"

BENCH_MUTANTS = (
    Mutant(
        "a hub is begun with where nobody is signed on",
        "station/attempt/opening.py",
        "        workers.require(place.jig)\n",
        "",
        (
            "tests/station/bench/test_signing_on.py::test_a_hub_in_work_goes_on_when_everybody_leaves_and_the_next_is_not_begun_with",
        ),
    ),
    Mutant(
        "a hub that passed with a release that was withdrawn since stays green",
        "station/bench/visit.py",
        "return release_gone(shown, self.hub) if self._parts.runs_withdrawn(self.hub) else shown",
        "return shown",
        (_PACKING_WALK,),
    ),
    Mutant(
        "a hub of the same CHF alone is shown again after a gap",
        "station/bench/visit.py",
        "            if seen != self.hub:\n                return\n",
        "            if seen is None or seen.chf != self.hub.chf:\n                return\n",
        (_VISIT,),
    ),
    Mutant(
        "a hub of another GPF answers for the one at work",
        "station/bench/visit.py",
        "if seen is None or seen.device != self.hub.device:",
        "if seen is None or seen.chf != self.hub.chf:",
        (_VISIT,),
    ),
    Mutant(
        "a result stays green through a gap",
        "station/bench/visit.py",
        "if parts.seat.gaps == self._gaps_before:\n                parts.display.put(self.shown)\n",
        "if True:\n                parts.display.put(self.shown)\n",
        (_VISIT,),
    ),
    Mutant(
        "a removal is believed of a link that was not watched",
        "station/bench/visit.py",
        "if removed and parts.seat.gaps == self._gaps_before:",
        "if removed:",
        (_VISIT,),
    ),
    Mutant(
        "a hub pulled while it is written goes on without an answer",
        "station/bench/visit.py",
        "            elif self._is_doubtful() and not await self._moves():\n",
        "            elif self._is_asked() and not await self._moves():\n",
        (f"{_HANDS}::test_a_hub_pulled_while_it_is_written_is_looked_for_at_once_where_the_switch_says_so",),
    ),
    Mutant(
        "a hub that was unlocked unseen goes home",
        "station/bench/visit.py",
        "        if not self.hub.locked:\n",
        "        if self.hub.locked is None:\n",
        (f"{_GAPS}::test_a_hub_that_was_unlocked_while_no_station_ran_is_not_green",),
    ),
    Mutant(
        "a pending image does not keep a hub from going home after a restart",
        "station/bench/visit.py",
        "not state.running.confirmed or state.pending is not None:",
        "not state.running.confirmed:",
        (_VISIT,),
    ),
    Mutant(
        "an unconfirmed image does not keep a hub from going home after a restart",
        "station/bench/visit.py",
        "if state.running is None or not state.running.confirmed or",
        "if state.running is None or",
        (_VISIT,),
    ),
    Mutant(
        "the version that a hub passed with is not compared after a restart",
        "station/bench/visit.py",
        "if left.firmware is not None and self.hub.firmware != left.firmware:",
        "if left.firmware is None:",
        (_VISIT,),
    ),
    Mutant(
        "the image that a hub passed with is not compared after a restart",
        "station/bench/visit.py",
        "if left.image_hash is not None and (running is None or running.hex() != left.image_hash):",
        "if left.image_hash is not None and running is None:",
        (_VISIT,),
    ),
    Mutant(
        "a fault in the middle of a visit leaves its attempt in work",
        "station/bench/slot.py",
        "            if _is_own_fault(error):\n",
        "            if False:\n",
        (
            f"{_SLOT}::test_a_fault_in_the_middle_of_a_visit_is_said_of_its_attempt_and_the_order_can_be_closed",
        ),
    ),
    Mutant(
        "another's label leaves a passed hub green",
        "station/bench/shown.py",
        "    return label is not None and not label.names(hub)\n",
        "    return False\n",
        (_SHOWN,),
    ),
    Mutant(
        "a hub that is not settled is green",
        "station/bench/shown.py",
        "    if result.unsettled is not None:\n        return unsettled(shown, Reason.UNSETTLED, shown.details)\n",
        "",
        (_SHOWN,),
    ),
    Mutant(
        "a hub is looked for that has its result",
        "station/bench/outlook.py",
        "                self._open.pop(closed.attempt, None)\n",
        "                pass\n",
        (_OUTLOOK,),
    ),
    Mutant(
        "a label waits on for a hub that sits elsewhere",
        "station/bench/outlook.py",
        "if where != seen.place and label.device_id != seen.scanned_id",
        "if where != seen.place",
        (_OUTLOOK,),
    ),
    Mutant(
        "a label goes along with any hub",
        "station/bench/outlook.py",
        "for label in self._labels.values() if label.names(hub)), None)",
        "for label in self._labels.values()), None)",
        (_OUTLOOK,),
    ),
    Mutant(
        "a pass does not clear the slot's row of failures",
        "station/bench/latch.py",
        "        if result.outcome is Outcome.PASSED:\n            self._failed.clear()\n        elif",
        "        if",
        (_LATCHES,),
    ),
    Mutant(
        "a slot that was enabled goes on counting its old failures",
        "station/bench/latch.py",
        "        self._failed.clear()\n        self.why, self._recorded = None, True\n",
        "        self.why, self._recorded = None, True\n",
        (_LATCHES,),
    ),
    Mutant(
        "a slot out of use comes back with the station",
        "station/bench/latch.py",
        "            self._latch(out_of_use.why, out_of_use.since)\n",
        "            pass\n",
        (f"{_SLOT}::test_a_slot_that_a_fault_latched_stays_so_over_a_restart_and_says_why",),
    ),
    Mutant(
        "coils are left on at a stop once one was not switched",
        "station/bench/coils.py",
        "                failure = error  # the others are not to wait for it\n",
        "                failure = error\n                break\n",
        (f"{_JIG}::test_a_coil_that_cannot_be_switched_off_at_a_stop_leaves_no_other_on",),
    ),
    Mutant(
        "coils count as off at a stop unread",
        "station/bench/coils.py",
        "self._may_be_on = [slot for slot in self._slots if read[slot - 1]]",
        "self._may_be_on = []",
        (_JIG,),
    ),
    Mutant(
        "a stop is to be released while slots still have power",
        "station/bench/jig.py",
        "off=self._coils.off)",
        "off=True)",
        (f"{_JIG}::test_nobody_is_told_to_release_the_stop_before_every_slot_is_off",),
    ),
    Mutant(
        "a press of start that began before the release is a reset",
        "drivers/jig_board/inputs.py",
        "            if inputs.start_pressed:\n                self._start = self._debouncer()\n",
        "",
        ("tests/drivers/test_jig_board_inputs.py",),
    ),
    Mutant(
        "a hub is begun with under a lid opened since it got its power",
        "station/bench/board_seat.py",
        "        return self._inputs.is_safe()\n",
        "        return True\n",
        ("tests/station/bench/test_start_shown.py",),
    ),
    Mutant(
        "a hub that its board left without power is called silent",
        "station/bench/visit.py",
        "await first_of(seat.until_powered(), seat.until_opened(), self._until_asked())",
        "await asyncio.sleep(0)",
        ("tests/station/bench/test_visit.py",),
    ),
    Mutant(
        "a hub that boots by itself gets results without end",
        "station/bench/unasked.py",
        "return hub == self._hub and self._results >= MAX_UNASKED",
        "return False",
        ("tests/station/bench/test_unasked.py",),
    ),
    Mutant(
        "a slot that is empty gets power",
        "station/bench/coils.py",
        "if on and not (self._inputs.may_power() and self._inputs.present(slot) is not False):",
        "if on and not self._inputs.may_power():",
        (_JIG,),
    ),
    Mutant(
        "hubs stay without the power that their board lost",
        "station/bench/coils.py",
        "self._dropped = {slot for slot in self._given if not power[slot - 1]}",
        "self._dropped = set()",
        (f"{_JIG}::test_a_board_that_was_off_gives_its_hubs_their_power_back",),
    ),
    Mutant(
        "lamps are not set after a board's return",
        "station/bench/jig.py",
        "                self._lamps.forget_all()  # a board that was off has forgotten them\n",
        "",
        (f"{_JIG}::test_lamps_are_set_again_after_a_boards_return_its_restart_and_its_watchdog",),
    ),
    Mutant(
        "a release of the stop alone powers",
        "station/bench/jig_inputs.py",
        "return self.online and self.emergency is False and not self.stopped",
        "return self.online and self.emergency is False",
        (_INPUTS,),
    ),
    Mutant(
        "an unknown stop is no stop",
        "station/bench/jig_inputs.py",
        "return self.online and self.emergency is False and not self.stopped",
        "return self.online and not self.emergency and not self.stopped",
        (_INPUTS,),
    ),
    Mutant(
        "an unwatched switch is still believed",
        "station/bench/jig_inputs.py",
        "for state in (self.seated, self.started, self.contradicted, self.answering):",
        "for state in (self.started, self.contradicted, self.answering):",
        (_INPUTS,),
    ),
    Mutant(
        "a hub reseated unseen is no gap",
        "station/bench/jig_inputs.py",
        "                self._open(slot)  # so short that no look met it\n",
        "                pass\n",
        (_INPUTS, _JIG),
    ),
    Mutant(
        "a switch that closes again before anyone looked is no gap",
        "station/bench/jig_inputs.py",
        "                    self._open(slot)  # also where a hub that answered was believed against its switch\n",
        "                    pass\n",
        (_INPUTS, _JIG),
    ),
    Mutant(
        "the ids of a refused duplicate are not given back",
        "station/bench/live_hubs.py",
        "            if await first.still_here():\n                return first.place\n",
        "            if await first.still_here():\n"
        "                self._holders.update({one: holder for one in ids if one not in self._holders})\n"
        "                return first.place\n",
        (_LIVE_HUBS,),
    ),
    Mutant(
        "a slot keeps the ids of a hub that has left",
        "station/bench/slot.py",
        "                parts.live_hubs.release(seated)\n",
        "",
        (f"{_SLOT}::test_a_hub_that_was_refused_as_a_double_is_looked_at_anew_once_the_other_is_out",),
    ),
    Mutant(
        "a hub that was moved is called two",
        "station/bench/live_hubs.py",
        "            self.release(first)\n",
        "            return first.place\n",
        (_LIVE_HUBS,),
    ),
    Mutant(
        "two hubs of one GPF are not met",
        "station/bench/slot.py",
        "parts.live_hubs.claim(seated, *hub.ids.every)",
        "parts.live_hubs.claim(seated, hub.device_id)",
        (f"{_SLOT}::test_one_hub_id_in_two_slots_is_refused_where_it_came_second",),
    ),
    Mutant(
        "a line is cleared by what a board said before it was asked",
        "station/bench/occupancy.py",
        "        return Seated(place, None) if closed else Empty",
        "        return Empty",
        ("tests/station/bench/test_line_clearance.py::test_a_slot_is_empty_only_by_what_is_known",),
    ),
    Mutant(
        "a slot that nobody knows of counts as empty",
        "station/bench/occupancy.py",
        'return Empty(place, "link") if silent else',
        'return Empty(place, "link") if place else',
        ("tests/station/bench/test_line_clearance.py::test_a_slot_is_empty_only_by_what_is_known",),
    ),
    Mutant(
        "an attempt is made on a golden hub",
        "station/records/conditions.py",
        "                _is_no_golden_hub(tables, event)\n",
        "",
        (f"{_SHIFT}::test_a_check_that_was_killed_is_known_and_its_hub_belongs_to_nobody_else",),
    ),
    Mutant(
        "a golden hub is left open",
        "station/attempt/golden_check.py",
        "                await driver.reboot(hub.device)\n",
        "                pass\n",
        (f"{_SHIFT}::test_a_slot_begins_with_nothing_before_a_golden_hub_has_checked_it",),
    ),
    Mutant(
        "a golden hub goes on with what an earlier check wrote",
        "station/attempt/golden_check.py",
        "        await self._erase(course, driver, hub)\n        while True:\n",
        "        while True:\n",
        (f"{_CHECK}::test_a_write_that_was_cut_off_is_made_anew_by_the_next_check",),
    ),
    Mutant(
        "a golden hub goes on with what others began to write",
        "station/attempt/golden_check.py",
        "        await self._erase(course, driver, hub)\n        while True:\n",
        "        if course.in_doubt:\n            await self._erase(course, driver, hub)\n        while True:\n",
        (f"{_CHECK}::test_a_write_that_was_cut_off_is_made_anew_by_the_next_check",),
    ),
    Mutant(
        "a golden hub that holds a part of an image is as it was",
        "station/attempt/golden_check.py",
        "            and not course.in_doubt\n",
        "",
        (f"{_CHECK}::test_a_hub_with_a_part_of_an_image_is_not_as_it_was",),
    ),
    Mutant(
        "a golden hub that is retired and enrolled again counts as it was",
        "station/records/facts/golden.py",
        "        case GoldenHubRetired():\n",
        "        case GoldenHubRetired():\n            tables.execute('DELETE FROM golden_doubts')\n",
        (f"{_SHIFT}::test_a_check_that_was_killed_is_known_and_its_hub_belongs_to_nobody_else",),
    ),
    Mutant(
        "a party's hub becomes golden once its order is closed",
        "station/records/facts/golden.py",
        "    if event.reason is None and (over",
        "    if event.reason == '' and (over",
        (f"{_SHIFT}::test_a_check_that_was_killed_is_known_and_its_hub_belongs_to_nobody_else",),
    ),
    Mutant(
        "a party's hub becomes golden once its order left the newest tables",
        "station/desk/shift_desk.py",
        "        if reason is None and (orders",
        "        if reason == '' and (orders",
        (f"{_PACKING}::test_what_is_over_stays_findable_and_numbers_are_not_given_twice",),
    ),
    Mutant(
        "a golden hub is written that was retired meanwhile",
        "station/attempt/golden_check.py",
        "            await self._require_golden(hub)\n            course.in_doubt = True\n",
        "            course.in_doubt = True\n",
        (f"{_GOLDEN}::test_a_hub_that_is_retired_in_its_check_is_neither_written_nor_erased_from_then_on",),
    ),
    Mutant(
        "a check of tomorrow counts for today",
        "station/domain/shift_day.py",
        "done <= now + SLACK and ",
        "",
        (f"{_SHIFT}::test_a_check_of_today_is_none_once_the_clock_was_moved_away",),
    ),
)
