"""Mutants of what is told upstream: by which a hub is told of twice, out of order, with another's word, or goes back as somebody else's mismatch."""

from __future__ import annotations

from mutant import Mutant

_TEST = "tests/inventory/test_upstream.py"
_RECALL = "tests/inventory/test_recall.py"
_JOBS = "inventory/upstream/jobs.py"
_UPDATE = "inventory/upstream/update.py"
_ONCE = (f"{_TEST}::test_each_hub_takes_effect_once_whatever_goes_wrong_on_the_way",)
_LATER = (
    f"{_TEST}::test_a_later_word_of_a_hub_replaces_what_was_not_sent_and_follows_what_may_have_been_taken",
)
_RUNS_OTHER = (f"{_TEST}::test_a_hub_that_runs_something_else_than_is_held_is_told_of_or_does_not_go_back",)
_REFUSED = (f"{_TEST}::test_what_was_refused_for_good_waits_for_a_person_who_corrects_it_and_sends_it_again",)
_BY_FILE = (f"{_TEST}::test_option_b_is_an_act_of_its_own_with_an_answer_for_each_row",)
_OTHER_REGION = (
    f"{_TEST}::test_a_hub_whose_region_was_wrong_goes_the_way_of_the_right_one_and_what_the_other_has_is_said",
)
_LATE_EXTRACT = (f"{_TEST}::test_an_extract_counts_from_when_it_was_taken_whenever_it_is_imported",)

UPSTREAM_MUTANTS = (
    Mutant(
        "a request's order lists a bridge as a hub",
        "inventory/requests/judging.py",
        "    if any(each in bridges for each in (*ids, *(() if hub is None else (hub.chf, hub.gpf)))):\n",
        "    if False:\n",
        ("tests/inventory/test_requests.py::test_the_id_of_a_bridge_is_no_hub_s_whatever_an_extract_says",),
    ),
    Mutant(
        "a bridge is told to the inventory of meters",
        "inventory/upstream/update.py",
        "    if any(said is not None and gpf is None for said, gpf in told):\n",
        "    if False:\n",
        ("tests/inventory/test_upstream.py::test_option_b_is_an_act_of_its_own_with_an_answer_for_each_row",),
    ),
    Mutant(
        "a request for bridges is told upstream",
        _UPDATE,
        "    if order.family == Family.BRIDGE:\n",
        "    if False:\n",
        (f"{_RECALL}::test_a_party_is_told_of_its_bridges_and_nobody_upstream_ever_is",),
    ),
    Mutant(
        "a bridge waits for an inventory that has no bridges, and never goes home",
        "inventory/upstream/redelivery.py",
        "elif row.bridge_type is None and row.firmware",
        "elif row.firmware",
        (f"{_RECALL}::test_a_party_is_told_of_its_bridges_and_nobody_upstream_ever_is",),
    ),
    Mutant(
        "half a set is cancelled",
        "inventory/requests/bridge_judging.py",
        "if has != stands",
        "if has < stands",
        (f"{_RECALL}::test_hubs_and_bridges_stand_in_no_list_together_and_a_set_joins_and_leaves_whole",),
    ),
    Mutant(
        "a later version goes before it is known what became of the one before",
        _JOBS,
        "earlier.c.device == mine.device",
        "earlier.c.device == mine.work_order",
        _LATER,
    ),
    Mutant(
        "what may have been taken is replaced like what was not",
        _JOBS,
        "if row.said != row.firmware and not row.doubtful",
        "if row.said != row.firmware",
        _LATER,
    ),
    Mutant(
        "what a hub no longer says is sent all the same",
        _JOBS,
        "if row.said != row.firmware and not row.doubtful",
        "if False",
        _LATER,
    ),
    Mutant(
        "an answer of nobody knows what counts as refused",
        "inventory/upstream/answers.py",
        'return Unknown(f"it answered {status}, and nothing of this notification")',
        'return Refused("unsaid", "")',
        _ONCE,
    ),
    Mutant(
        "an order goes up before the bench has closed it",
        _UPDATE,
        "_require_closed(connection, work_order)\n        _require_all",
        "_require_all",
        _ONCE,
    ),
    Mutant(
        "a hub that failed is told of",
        _UPDATE,
        "line.outcome not in SUCCESSES and line.chf not in released",
        "False",
        _RUNS_OTHER,
    ),
    Mutant(
        "what a person has put away is told of again",
        _UPDATE,
        'table.c.state.in_(("refused", "settled"))',
        'table.c.state.in_(("refused",))',
        _REFUSED,
    ),
    Mutant(
        "a hub that was not read back goes back",
        "inventory/upstream/redelivery.py",
        "if row.outcome == Outcome.FAILED and row.firmware_read_back is None:",
        "if False:",
        _RUNS_OTHER,
    ),
    Mutant(
        "a file that a hub has overtaken is uploaded",
        "inventory/ssmi/upload.py",
        "if said != firmware:",
        "if False:",
        _BY_FILE,
    ),
    Mutant(
        "a file of hubs that go another way by now is uploaded",
        "inventory/ssmi/upload.py",
        "told = {each.chf for each in update.told if by_file(ways, each.region)}",
        "told = {each.chf for each in update.told}",
        _OTHER_REGION,
    ),
    Mutant(
        "what a later extract says of an order's hubs is not looked at",
        "inventory/requests/book.py",
        "    look_again_at_hubs_of(connection, request)\n",
        "",
        _LATE_EXTRACT,
    ),
    Mutant(
        "rows that were not answered count as taken",
        "inventory/ssmi/upload.py",
        "silent = sorted(devices - answers.keys())",
        "silent: list[str] = []",
        _BY_FILE,
    ),
)
