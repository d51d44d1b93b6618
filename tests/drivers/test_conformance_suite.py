"""The conformance suite catches what it is there for: drivers with one fault each, and says so in one line."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import broken_drivers as broken
import pytest
from broken_drivers import HubOf

from benches.processes import run
from benches.serial_conformance import SerialHub
from drivers.conformance.check import DemandNotMet
from drivers.conformance.device import Ability, DeviceUnderTest, NotWritten
from drivers.conformance.stage import Stage
from drivers.conformance.suite import DriverConformance


def verdict(device, check: str) -> str | None:
    """Make one check; return what it says of a driver that fails it, or None."""
    name, _, parameter = check.partition(" ")
    test = getattr(DriverConformance, f"test_{name}")
    mark = next(iter(getattr(test, "pytestmark", ())), None)
    parameters = {}
    if mark is not None:
        names, values = mark.args
        parameters = {names: next(value for value in values if str(value) == parameter)}
    try:
        test(DriverConformance(), Stage(device), **parameters)
    except DemandNotMet as error:
        return str(error)
    return None


FAULTS = [
    (
        broken.BootsWhenOpened,
        "opening_and_closing_leave_the_hub_alone",
        "boots=",
        "a_hub_is_itself_after_a_boot",
    ),
    (
        broken.ClosesOnce,
        "closing_never_raises_and_may_be_done_twice",
        "raised OSError: bad file descriptor, which is no DriverError",
        "a_hub_says_the_same_each_time",
    ),
    (
        broken.ForgetsItself,
        "a_hub_says_the_same_each_time",
        "it said HubIdentity",
        "state_names_what_runs",
    ),
    (
        broken.SaysItIsOpen,
        "identity_and_state_are_told_while_locked",
        "says that it is open (`cannot` has no Ability.LOCK)",
        "state_names_what_runs",
    ),
    (
        broken.FallsBack,
        "progress_rises_and_ends_at_the_size",
        "bytes were followed by",
        "the_hub_holds_what_was_flashed",
    ),
    (
        broken.MisnamesSilence,
        "a_silent_hub_is_a_typed_error confirm",
        "confirm() raised UploadRejected, which is not for it to say",
        "a_silent_hub_is_a_typed_error verify",
    ),
    (
        broken.StopsShort,
        "progress_rises_and_ends_at_the_size",
        "it ended at",
        "what_the_driver_says_is_what_the_hub_holds",
    ),
    (
        broken.FlashesAndMarks,
        "flashing_changes_nothing_that_runs",
        "the next boot will run another image",
        "progress_rises_and_ends_at_the_size",
    ),
    (
        broken.ErasesNothing,
        "erasing_leaves_only_what_runs",
        "still names the image",
        "what_the_driver_says_is_what_the_hub_holds",
    ),
    (
        broken.RefusesInGeneral,
        "a_locked_hub_is_not_flashed",
        "flash() raised HubRefused",
        "progress_rises_and_ends_at_the_size",
    ),
    (
        broken.TriesToUnlockAgain,
        "a_wrong_answer_is_given_once",
        "2 signatures were asked for",
        "one_challenge_is_signed_and_an_open_hub_is_left_alone",
    ),
    (
        broken.PadsSignatures,
        "a_signature_of_another_length_is_never_sent",
        "unlock() raised UnlockRefused",
        "an_authority_that_fails_costs_the_hub_nothing",
    ),
    (
        broken.UnlocksOpenHubs,
        "one_challenge_is_signed_and_an_open_hub_is_left_alone",
        "a second signature",
        "a_wrong_answer_is_given_once",
    ),
    (
        broken.VerifiesAnything,
        "verify_refuses_what_does_not_run",
        "verify() returned HubState",
        "activate_boots_the_image_once",
    ),
    (
        broken.TakesAnyHub,
        "another_hub_is_noticed reboot",
        "reboot() returned HubIdentity",
        "another_hub_is_noticed activate",
    ),
    (
        broken.MeansWhoeverAnswers,
        "another_hub_is_refused_before_it_is_changed ids",
        "unlock() returned None",
        "a_hub_is_itself_after_a_boot",
    ),
    (
        broken.LooksAtTheChfOnly,
        "another_hub_is_refused_before_it_is_changed gpf",
        "unlock() returned None",
        "another_hub_is_refused_before_it_is_changed ids",
    ),
    (
        broken.LooksAtIdsOnly,
        "another_hub_is_refused_before_it_is_changed model",
        "unlock() returned None",
        "another_hub_is_refused_before_it_is_changed gpf",
    ),
    (
        broken.TakesWhatRunsForActivated,
        "what_another_hub_runs_is_no_success",
        "activate() returned HubIdentity",
        "another_hub_is_refused_before_it_is_changed ids",
    ),
    (
        broken.AnswersWhoeverIsThere,
        "a_hub_that_comes_while_one_is_signed_for_gets_no_answer",
        "unlock() told the other hub",
        "another_hub_is_refused_before_it_is_changed ids",
    ),
    (
        broken.GoesOnWithWhoeverIsThere,
        "an_upload_does_not_go_on_with_another_hub",
        "flash() told the other hub",
        "another_hub_is_refused_before_it_is_changed ids",
    ),
    (
        broken.RepeatsItself,
        "nothing_is_said_twice_to_another_hub erase",
        "erase() returned as if nothing had happened",
        "another_hub_is_refused_before_it_is_changed ids",
    ),
    (
        broken.GivesUpWaiting,
        "a_hub_that_says_nothing_of_use_is_still_there refusal",
        "wait_for_removal() raised SmpRefused",
        "a_removal_is_noticed",
    ),
    (
        broken.SaysTheHubIsSafe,
        "an_interrupted_flash_ends_in_a_typed_error link loss",
        "certainly as it was",
        "flashing_is_resumed_or_redone link loss",
    ),
    (
        broken.RaisesOsError,
        "an_interrupted_flash_ends_in_a_typed_error link loss",
        "flash() raised OSError",
        "progress_rises_and_ends_at_the_size",
    ),
    (
        broken.BlocksTheLoop,
        "waiting_for_an_answer_blocks_nobody_else",
        "stopped the loop",
        "a_silent_hub_is_a_typed_error identify",
    ),
    (
        broken.SwallowsCancellation,
        "a_cancelled_call_leaves_the_driver_usable state",
        "state() was cancelled, and returned instead of ending in CancelledError",
        "a_cancelled_call_leaves_the_driver_usable identify",
    ),
    (
        broken.GivesOldAnswers,
        "no_answer_is_that_of_a_cancelled_call",
        "after a boot it still said",
        "a_cancelled_call_leaves_the_driver_usable state",
    ),
    (
        broken.SeesGhosts,
        "a_removal_is_noticed",
        "it returned while the hub sat there",
        "a_hub_is_waited_for",
    ),
]


@pytest.mark.parametrize(
    ("driver", "failed", "why", "passed"), FAULTS, ids=[row[0].__name__ for row in FAULTS]
)
def test_a_fault_is_caught_by_its_check_and_by_no_other(tmp_path, driver, failed, why, passed):
    device = HubOf(tmp_path, driver)
    said = verdict(device, failed)
    assert said is not None
    assert " But " in said
    assert why in said
    assert "\n" not in said
    assert verdict(device, passed) is None


def test_a_driver_that_hangs_is_not_waited_for_without_end(tmp_path):
    device = HubOf(tmp_path, broken.HangsOnSilence)
    device.patience = 1.5
    said = verdict(device, "a_silent_hub_is_a_typed_error identify")
    assert said is not None
    assert "identify() was still under way after 1.5 s" in said


def test_a_task_that_is_left_is_named(tmp_path, monkeypatch):
    monkeypatch.undo()  # the project's own watch for such tasks would fail this test, too
    said = verdict(HubOf(tmp_path, broken.LeavesATask), "nothing_is_left_of_a_cancelled_flash")
    assert said is not None
    assert "left behind: task keep-alive" in said


def test_a_descriptor_that_is_left_is_named(tmp_path):
    device = HubOf(tmp_path, broken.LeavesADescriptor)
    said = verdict(device, "nothing_is_left_of_a_cancelled_flash")
    while broken.LeavesADescriptor.left:
        os.close(broken.LeavesADescriptor.left.pop())
    assert said is not None
    assert "left behind: descriptor of /dev/null" in said


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (broken.UndescribedSettings, "the setting colour has no description"),
        (broken.UnfoundedSettings, "the setting colour has no default"),
    ],
)
def test_settings_that_nobody_can_read_are_named(tmp_path, model, why):
    said = verdict(HubOf(tmp_path, broken.Sound, model), "settings_have_defaults_and_descriptions")
    assert said is not None
    assert why in said


def test_a_driver_that_is_not_installed_is_named(tmp_path):
    device = HubOf(tmp_path, broken.Sound)
    device.plugin.name = "acme"
    said = verdict(device, "the_entry_point_names_the_plugin")
    assert said is not None
    assert "no installed package has an entry point called 'acme'" in said


def test_a_driver_without_a_method_is_told_which(tmp_path):
    class Short:
        place, can_revert = "somewhere", False

        async def close(self) -> None:
            pass

    device = HubOf(tmp_path, broken.Sound)

    async def open_short(*_):
        return Short()

    device.plugin.open = open_short
    said = verdict(device, "the_driver_offers_the_whole_contract")
    assert said is not None
    assert "Short lacks activate, confirm, erase" in said


def test_what_a_device_cannot_do_is_skipped_with_its_reason(tmp_path):
    device = SerialHub(tmp_path)
    device.cannot = {Ability.REMOVAL: "it is soldered in"}
    with pytest.raises(pytest.skip.Exception, match="removal: it is soldered in"):
        verdict(device, "a_removal_is_noticed")


def test_what_a_device_neither_does_nor_excuses_is_asked_of_its_author(tmp_path):
    class Handless(SerialHub):
        remove = DeviceUnderTest.remove

    with pytest.raises(NotWritten, match=r"write what Ability\.REMOVAL needs, or say in `cannot`"):
        verdict(Handless(tmp_path), "a_hub_is_waited_for")


AUTHORS_TEST = """
import sys
sys.path[:0] = {folders!r}
import pytest
from broken_drivers import HubOf, {driver}
from drivers.conformance.device import DeviceUnderTest
from drivers.conformance.suite import DriverConformance

class TestBroken(DriverConformance):
    @pytest.fixture
    def device(self, tmp_path):
        return HubOf(tmp_path, {driver})

class Handless(HubOf):
    seat = DeviceUnderTest.seat

class TestHandless(DriverConformance):
    @pytest.fixture
    def device(self, tmp_path):
        return Handless(tmp_path, {driver})

class TestForgetful(DriverConformance):
    pass
"""


def test_an_author_reads_in_one_line_what_is_demanded(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_author.py").write_text(
        AUTHORS_TEST.format(
            folders=[str(folder) for folder in Path(__file__).parents[:2]], driver="ClosesOnce"
        )
    )
    done = run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-rf",
            "-p",
            "no:cacheprovider",
            "-k",
            "(closing_never or state_names) and not Handless or Handless and was_reseated",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "needs a fixture `device` that returns a DeviceUnderTest" in done.stdout
    lines = done.stdout.splitlines()
    (told,) = [line for line in lines if line.startswith("E ") and "DemandNotMet" in line]
    assert told.endswith(
        "`close` never raises, may be called twice, and gives the place back. "
        "But close() raised OSError: bad file descriptor, which is no DriverError."
    )
    unwritten = lines.index(next(line for line in lines if line.startswith("_") and "reseated" in line))
    assert next(line for line in lines[unwritten + 1 :] if line).endswith(
        "Handless does not offer removal: write what Ability.REMOVAL needs, or say in `cannot` why it cannot be had"
    ), "nothing of the suite's own stands above it"
    assert "smp: 1 checks passed, 2 failed, 0 could not be made" in lines
