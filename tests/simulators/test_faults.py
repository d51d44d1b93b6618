from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.faults import (
    REALISTIC,
    Fault,
    FaultFileError,
    FaultName,
    Occasion,
    SlotFaults,
    load_faults,
    parse_fault,
)


def slot_faults(*faults: Fault, jig: int = 1, slot: int = 1, seed: int = 1) -> SlotFaults:
    found = SlotFaults(jig, slot, random.Random(seed))
    for fault in faults:
        found.arm(fault)
    return found


DROP = FaultName.DROP_REPLY


def strikes(
    faults: SlotFaults, count: int, name: FaultName = DROP, occasion: Occasion = Occasion.STATE
) -> str:
    return "".join("x" if faults.strike(name, occasion) else "." for _ in range(count))


@pytest.mark.parametrize(
    ("fields", "pattern"),
    [
        ({}, "x....."),
        ({"at": 3}, "..x..."),
        ({"at": 2, "times": 3}, ".xxx.."),
        ({"on": "state"}, "x....."),
        ({"on": "upload"}, "......"),
        ({"jig": 1, "slot": 1}, "x....."),
        ({"slot": 2}, "......"),
        ({"jig": 2}, "......"),
        ({"at_byte": 0}, "......"),
    ],
)
def test_a_fault_strikes_where_and_when_it_is_told(fields: dict, pattern: str) -> None:
    fault = parse_fault({"name": "drop_reply", **fields}, "here")
    assert strikes(slot_faults(fault), 6) == pattern


def test_a_fault_waits_for_its_byte() -> None:
    faults = slot_faults(Fault(name=DROP, on=Occasion.UPLOAD, at_byte=1000))
    struck = [bool(faults.strike(DROP, Occasion.UPLOAD, byte)) for byte in (0, 999, 1500, 2000)]
    assert struck == [False, False, True, False]


def test_chance_is_repeated_by_its_seed_and_has_no_end() -> None:
    fault = Fault(name=DROP, probability=0.3)
    first, again, other = (strikes(slot_faults(fault, seed=seed), 300) for seed in (5, 5, 6))
    assert first == again != other
    assert 50 < first.count("x") < 130
    assert "x" in first[-50:]


def test_two_faults_of_one_name_each_strike() -> None:
    assert strikes(slot_faults(Fault(name=DROP), Fault(name=DROP, at=2)), 5) == "x.x.."


def test_disarming_forgets() -> None:
    faults = slot_faults(Fault(name=DROP, times=9))
    faults.disarm()
    assert strikes(faults, 3) == "..."


def test_a_physical_fault_is_carried_out() -> None:
    performed: list[Fault] = []
    stall = Fault(name=FaultName.STALL, on=Occasion.UPLOAD)
    faults = slot_faults(stall)
    assert not faults.strike_physical(Occasion.STATE, None, performed.append)
    assert faults.strike_physical(Occasion.UPLOAD, 5, performed.append)
    assert performed == [stall]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"name": "gremlins"}]', "fault 1: unknown fault 'gremlins'; known are unplug_hub"),
        ('[{"name": "stall"}, {"name": "stall", "slto": 1}]', "fault 2: slto: Extra inputs"),
        ('[{"name": "stall", "probability": 0}]', "fault 1: probability: "),
        ('[{"name": "stall", "on": "lunch"}]', "fault 1: on: "),
        ("[{}]", "fault 1: unknown fault None"),
        ("[3]", "fault 1: fault: "),
        ("{}", "a JSON array of faults is wanted"),
        ("[", "cannot be read as JSON"),
    ],
)
def test_a_bad_fault_file_is_one_clear_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "faults.json"
    path.write_text(content)
    with pytest.raises(FaultFileError) as caught:
        load_faults(str(path))
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_fault_file_is_named() -> None:
    with pytest.raises(FaultFileError, match=r"nowhere.json: No such file or directory; name"):
        load_faults("nowhere.json")


def test_profiles_and_files_load(tmp_path: Path) -> None:
    assert load_faults("none") == ()
    assert load_faults("realistic") == REALISTIC
    path = tmp_path / "faults.json"
    path.write_text(json.dumps([{"name": name, "times": 2} for name in FaultName]))
    assert [fault.name for fault in load_faults(str(path))] == list(FaultName)


def test_the_realistic_profile_strikes_by_chance_only() -> None:
    assert all(fault.probability < 0.01 and fault.jig is None for fault in REALISTIC)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_any_json_is_a_fault_or_a_clear_error(data: object) -> None:
    with pytest.raises(FaultFileError):
        parse_fault(data, "here")
