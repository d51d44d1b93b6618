"""Mutants of an attempt: whose hub it is, whether it may go on, and what it leaves behind. Drivers included."""

from __future__ import annotations

from mutant import Mutant

_ATTEMPT = "tests/station/attempt"
_SETTLING = f"{_ATTEMPT}/test_settling.py"
_WHICH_HUB = f"{_ATTEMPT}/test_which_hub.py"
_TAKING_UP = f"{_ATTEMPT}/test_taking_up.py"
_SEQUENCE = f"{_ATTEMPT}/test_sequence.py"
_CONDUCT = f"{_ATTEMPT}/test_conduct.py"
_COUNTED = f"{_ATTEMPT}/test_counted_authority.py"
_PERMISSION = f"{_ATTEMPT}/test_permission.py"
_ALL_THE_WAY = f"{_SEQUENCE}::test_a_hub_goes_all_the_way_each_stage_journalled_before_and_after"
_ALL_GOES_HOME = f"{_SETTLING}::test_a_hub_that_is_not_all_that_is_asked_does_not_go_home"
_RELEASE_KINDS = "tests/firmware_catalog/test_release.py::test_a_release_is_for_hubs_or_for_bridges_of_one_type_and_nothing_else"
_DRIVER = "tests/drivers/test_smp_which_hub.py"

ATTEMPT_MUTANTS = (
    Mutant(
        "a release of a bridge's is a step on a hub's way",
        "firmware_catalog/release.py",
        "        and release.made_for is kind\n",
        "",
        (_RELEASE_KINDS,),
    ),
    Mutant(
        "the latest release is a hub's whomever it is for",
        "firmware_catalog/release.py",
        "for release in named if release.made_for is kind]",
        "for release in named]",
        (_RELEASE_KINDS, f"{_ATTEMPT}/test_authorise.py::test_a_hub_is_given_nothing_that_is_for_bridges"),
    ),
    Mutant(
        "a release that is for bridges by now is still given to a hub",
        "station/attempt/permission.py",
        "            if release.made_for is not hub.ids.kind:\n",
        "            if False:\n",
        (f"{_PERMISSION}::test_a_release_that_is_for_bridges_by_now_is_given_to_no_hub",),
    ),
    Mutant(
        "by hand a hub is given what is for bridges",
        "station/by_hand/release.py",
        "    if release.made_for is not hub.ids.kind:\n",
        "    if False:\n",
        (
            "tests/station/by_hand/test_hand_release.py::test_what_the_daemon_would_not_give_it_a_person_does_not_either",
        ),
    ),
    Mutant(
        "a bridge of another type is the one that is meant",
        "firmware_catalog/devices.py",
        "    if seen.kind != meant.kind:\n",
        "    if seen.kind.family != meant.kind.family:\n",
        ("tests/drivers/test_hub_answers.py::test_a_bridge_of_another_type_or_family_is_another_device",),
    ),
    Mutant(
        "check ignores a pending image",
        "station/attempt/looking.py",
        "not state.running.confirmed or state.pending is not None:",
        "not state.running.confirmed:",
        (_ALL_GOES_HOME,),
    ),
    Mutant(
        "check ignores an unconfirmed image",
        "station/attempt/looking.py",
        "if state.running is None or not state.running.confirmed or",
        "if state.running is None or",
        (_ALL_GOES_HOME,),
    ),
    Mutant(
        "check ignores a boot between its questions",
        "station/attempt/looking.py",
        "if seen.boots != before.boots:",
        "if seen.boots < before.boots:",
        (_SETTLING,),
    ),
    Mutant(
        "check and verify ignore an open lock",
        "station/attempt/looking.py",
        "    if not seen.locked:\n",
        "    if seen.locked is None:\n",
        (_ALL_GOES_HOME,),
    ),
    Mutant(
        "whoever comes back from a boot is taken for the attempt's hub",
        "station/attempt/looking.py",
        "    hub.require(seen, place=driver.place, action=HubAction.IDENTIFY)\n",
        "",
        (_SETTLING, _WHICH_HUB),
    ),
    Mutant(
        "an expected device does without its GPF",
        "drivers/hub.py",
        "return HubIds(self.chf, self.gpf)",
        "return HubIds(self.chf, self.chf)",
        (f"{_DRIVER}::test_an_expected_device_is_both_ids_and_the_model", _SETTLING),
    ),
    Mutant(
        "an open attempt is taken up on a hub of the same CHF alone",
        "station/attempt/history.py",
        "return attempt if hub.device == begun else None",
        "return attempt if hub.device_id == begun.device_id else None",
        (f"{_WHICH_HUB}::test_an_open_attempt_is_not_taken_up_on_a_hub_with_half_of_its_identity",),
    ),
    Mutant(
        "a result is shown again over a hub of another GPF",
        "station/attempt/history.py",
        "return result if said == own else None",
        "return result if said[0] == hub.device_id else None",
        (
            f"{_WHICH_HUB}::test_a_result_is_not_shown_again_over_a_hub_with_half_of_the_identity",
            f"{_ATTEMPT}/test_passed_before.py",
        ),
    ),
    Mutant(
        "the order's GPF is not compared",
        "station/attempt/authorise.py",
        "    if line.ids != hub.ids:\n",
        "    if set(line.ids.every).isdisjoint(hub.ids.every):\n",
        (f"{_ATTEMPT}/test_authorise.py",),
    ),
    Mutant(
        "a driver told to wait for a removal knows its hub by the CHF",
        "drivers/smp/driver.py",
        "if hub is None or seen.device != hub.device or seen.boots != hub.boots:",
        "if hub is None or seen.chf != hub.chf or seen.boots != hub.boots:",
        (_DRIVER,),
    ),
    Mutant(
        "a hub that booted since is not gone",
        "drivers/smp/driver.py",
        "if hub is None or seen.device != hub.device or seen.boots != hub.boots:",
        "if hub is None or seen.device != hub.device:",
        ("tests/drivers/test_smp_driver.py::test_a_reseated_hub_counts_as_having_left",),
    ),
    Mutant(
        "what was read between two boots is believed of the second",
        "drivers/smp/driver.py",
        "if after.boots == before.boots:",
        "if after.device == before.device:",
        (_DRIVER,),
    ),
    Mutant(
        "an upload goes on after a setback without a look at who is there",
        "drivers/smp/window.py",
        "            self.doubtful = True\n",
        "            self.doubtful = False\n",
        ("tests/drivers/test_smp_window.py", _DRIVER),
    ),
    Mutant(
        "one setback fewer",
        "drivers/smp/window.py",
        "return self.setbacks > self._attempts",
        "return self.setbacks >= self._attempts",
        ("tests/drivers/test_smp_window.py",),
    ),
    Mutant(
        "silence while settling is no setback",
        "drivers/smp/window.py",
        "        self._under_way.clear()\n        self._settling = False\n",
        "        self._under_way.clear()\n",
        ("tests/drivers/test_smp_window.py",),
    ),
    Mutant(
        "no time for the last chunk's check",
        "drivers/smp/upload.py",
        "if window.opening else self._settings.check_seconds(size)",
        "if window.opening else self._settings.answer_seconds",
        ("tests/drivers/test_smp_upload.py",),
    ),
    Mutant(
        "answers lie unread also after a setback",
        "drivers/smp/upload.py",
        "if self._may_be_busy or self._window.setbacks:",
        "if self._may_be_busy:",
        ("tests/drivers/test_smp_upload.py",),
    ),
    Mutant(
        "what is read over raw framing is believed at once",
        "drivers/smp/client.py",
        "if self.encoder.is_checked or latest_only or _writes(request):",
        "if True:",
        ("tests/drivers/test_smp_raw.py",),
    ),
    Mutant(
        "a hub that may hold half a question is asked again at once",
        "drivers/smp/client.py",
        "max(seconds, self.settings.silence_seconds) if self._was_heard else seconds",
        "seconds",
        ("tests/drivers/test_smp_raw.py",),
    ),
    Mutant(
        "a hub that would keep the image untried is booted",
        "drivers/smp/device.py",
        "if state.pending is not None and state.pending.permanent:",
        "if False:",
        ("tests/drivers/test_smp_raw.py",),
    ),
    Mutant(
        "the hash in the list stands for a damaged image",
        "drivers/smp/upload.py",
        "if self._window.closing and self._client.encoder.is_checked and await self._holds():",
        "if self._window.closing and await self._holds():",
        ("tests/drivers/test_smp_raw.py",),
    ),
    Mutant(
        "an unlock is journalled after the act",
        "station/attempt/counted_authority.py",
        "        await self._journal.append(self._due)\n        self.counted = True\n",
        "        self.counted = True\n",
        (_COUNTED,),
    ),
    Mutant(
        "unlocking is journalled once it is done",
        "station/attempt/sequence.py",
        "        await parts.journal.append(\n"
        "            UnlockUsed(attempt=parts.attempt, chf=hub.device_id, authority=parts.authority.name)\n"
        "        )\n"
        "        try:\n"
        "            await authority.unlock(parts.driver)\n",
        "        try:\n"
        "            await authority.unlock(parts.driver)\n"
        "            await parts.journal.append(\n"
        "                UnlockUsed(attempt=parts.attempt, chf=hub.device_id, authority=parts.authority.name)\n"
        "            )\n",
        (_ALL_THE_WAY,),
    ),
    Mutant(
        "the challenge of another hub is signed",
        "station/attempt/counted_authority.py",
        "if (challenge.device_id, challenge.model) != (self._hub.device_id, self._hub.model):",
        "if challenge.model != self._hub.model:",
        (_COUNTED,),
    ),
    Mutant(
        "what changed while the answer was signed is not asked",
        "station/attempt/counted_authority.py",
        "            if (rejected := await self._refusal()) is not None:\n                raise NotPermitted(rejected)\n",
        "",
        (_COUNTED,),
    ),
    Mutant(
        "wrong answers counted while one is signed are not asked",
        "station/attempt/counted_authority.py",
        "        try:\n            await self.require_one_left()\n            if",
        "        try:\n            if",
        (_COUNTED,),
    ),
    Mutant(
        "an image is booted without asking again",
        "station/attempt/sequence.py",
        "                await self._require_permission()\n                self._boots_ordered += 1\n",
        "                self._boots_ordered += 1\n",
        (_CONDUCT, _TAKING_UP),
    ),
    Mutant(
        "an image is confirmed without asking again",
        "station/attempt/sequence.py",
        "                await self._require_permission()\n                await parts.driver.confirm(hub, image)\n",
        "                await parts.driver.confirm(hub, image)\n",
        (_TAKING_UP,),
    ),
    Mutant(
        "a seated hub is power-cycled without end",
        "station/attempt/sequence.py",
        "if self._power_cycled or not await self._parts.power_cycle():",
        "if not await self._parts.power_cycle():",
        (f"{_SETTLING}::test_a_seated_hub_that_stays_silent_is_power_cycled_once",),
    ),
    Mutant(
        "another hub's answer ends the attempt as failed",
        "station/attempt/sequence.py",
        "if isinstance(error, AnotherHub) or failure.is_out_of_reach(error):",
        "if failure.is_out_of_reach(error):",
        (_SETTLING,),
    ),
    Mutant(
        "a hub is called current while another image is pending",
        "station/attempt/authorise.py",
        "if running.confirmed and state.pending is None:",
        "if running.confirmed:",
        (f"{_ATTEMPT}/test_authorise.py",),
    ),
    Mutant(
        "a device that cannot revert is booted further on",
        "station/attempt/settling.py",
        "return can_revert or (state.pending is None and not hub.locked)",
        "return True",
        (_SETTLING, _TAKING_UP),
    ),
    Mutant(
        "a device that cannot revert is said to have failed to",
        "station/attempt/settling.py",
        "        and not keeps_untried(state)\n        and driver.can_revert,",
        "        and not keeps_untried(state),",
        (_SETTLING,),
    ),
    Mutant(
        "a hub that would keep an untried image for good is booted to be left well",
        "station/attempt/settling.py",
        "    if keeps_untried(state):\n        return False\n",
        "",
        (_SETTLING,),
    ),
    Mutant(
        "a hub that would keep an untried image for good is booted to go on",
        "station/attempt/sequence.py",
        "case Settle(why=why) if keeps_untried(probe.state):",
        "case Settle(why=why) if False:",
        (_SETTLING,),
    ),
    Mutant(
        "a hub is settled though another image is pending",
        "station/attempt/settling.py",
        "state.running.confirmed and state.pending is None\n",
        "state.running.confirmed\n",
        (_SETTLING,),
    ),
    Mutant(
        "a hub is left unlocked",
        "station/attempt/settling.py",
        "        return not hub.locked\n",
        "        return False\n",
        (_SETTLING,),
    ),
    Mutant(
        "a withdrawn image may stay",
        "station/attempt/permission.py",
        "return not given or self.veto(model, given) is None",
        "return not given or self.veto is not None",
        (_TAKING_UP,),
    ),
    Mutant(
        "an attempt goes on for an order that its jig no longer works on",
        "station/attempt/permission.py",
        "return records.ask(jig_order, self.opened.place.jig) == order",
        "return records.ask(order_is_open, order)",
        (_PERMISSION,),
    ),
    Mutant(
        "an attempt is taken up for an order that is closed",
        "station/attempt/permission.py",
        "        return records.ask(order_is_open, order)\n",
        "        return True\n",
        (_PERMISSION,),
    ),
    Mutant(
        "a hub that was brought further elsewhere is taken back",
        "station/attempt/permission.py",
        "if hub.firmware > target:",
        "if hub.firmware > target and self.steps[0].version > target:",
        (_PERMISSION, _TAKING_UP),
    ),
    Mutant(
        "another's label on an untouched hub does not count",
        "station/attempt/permission.py",
        "label=self.label() if untouched else None,",
        "label=None,",
        (_PERMISSION,),
    ),
    Mutant(
        "what a hub was left with is of any of its attempts",
        "station/attempt/history.py",
        "given = [plan.steps[-1].image_hash for plan in plans if plan.attempt == attempt]",
        "given = [plan.steps[0].image_hash for plan in plans if plan.attempt != attempt]",
        (f"{_CONDUCT}::test_a_hub_that_never_left_after_its_result_gets_no_second_one",),
    ),
    Mutant(
        "an attempt with another's label is taken up",
        "station/attempt/conduct.py",
        "if visit.seen_elsewhere is None and (label is None or label.names(hub)):",
        "if visit.seen_elsewhere is None:",
        (_CONDUCT,),
    ),
    Mutant(
        "a label scanned in the middle of an attempt is not in its result",
        "station/attempt/conduct.py",
        "return replace(opened, label=visit.label() or opened.label)",
        "return replace(opened, label=opened.label or visit.label())",
        (f"{_CONDUCT}::test_of_two_labels_scanned_for_a_hub_at_work_the_last_is_in_its_result",),
    ),
    Mutant(
        "a lost port is taken for a silent hub",
        "station/attempt/sequence.py",
        "        except (LinkLost, PlaceUnavailable):\n",
        "        except ():\n",
        (
            "tests/station/attempt/test_settling.py::test_a_port_that_is_lost_during_a_look_is_no_fault_of_the_hub_that_sits_there",
        ),
    ),
    Mutant(
        "a hub whose line was withdrawn in work is given the image all the same",
        "station/attempt/permission.py",
        "        if order is not None and line is not None:\n",
        "        if order is None and line is not None:\n",
        (
            "tests/station/orders/test_revision.py::test_a_hub_whose_line_is_withdrawn_in_work_gets_nothing_more_and_is_left_well",
        ),
    ),
)
