"""`reflash demo`, used in a way that cannot work: told in one line before anything is made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WRONG = {
    "broker that is not there": (("--broker", "mqtt://127.0.0.1:1"), 1, "start it, or leave --broker out"),
    "broker of another kind": (("--broker", "http://127.0.0.1"), 2, "is not of the form mqtt://HOST:PORT"),
    "broker with a port out of range": (("--broker", "mqtt://127.0.0.1:99999"), 2, "Port out of range"),
    "faults that are not there": (
        ("--faults", "/no.json"),
        2,
        "/no.json: No such file or directory; name a file",
    ),
    "mixed, with one jig": (("--transport", "mixed"), 2, "give two --jigs or more"),
    "folder in use": (("--dir", "{used}"), 2, "is not empty; name a new folder with --dir"),
    "folder that cannot be": (("--dir", "/proc/demo"), 2, "cannot be used: No such file or directory"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_use_is_told_in_one_line(tmp_path: Path, reflash: Callable[..., Any], what: str) -> None:
    options, code, says = WRONG[what]
    (tmp_path / "something").touch()
    one_slot = ("--jigs", 1, "--slots", 1)
    said = reflash("demo", *one_slot, *(option.format(used=tmp_path) for option in options))
    assert said.code == code
    assert says in said.complaint


@pytest.mark.parametrize(("option", "number"), [("--slots", 9), ("--hubs", 0)])
def test_too_many_slots_or_no_hubs_are_wrong_use(
    reflash: Callable[..., Any], option: str, number: int
) -> None:
    said = reflash("demo", option, number)
    assert said.code == 2
    assert option in said.err
