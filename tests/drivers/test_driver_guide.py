"""docs/writing-a-driver.md tells the truth: its code runs, its table of errors is the station's."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from drivers import FOR_PLUGINS, errors
from drivers.conformance.device import Ability, DeviceUnderTest
from drivers.conformance.suite import DriverConformance
from drivers.hub import HubDriver
from station.attempt import failure
from station.domain.outcome import Stage
from station.domain.slot_name import SlotName

GUIDE = (Path(__file__).parents[2] / "docs" / "writing-a-driver.md").read_text()


def rows(*heading: str) -> list[list[str]]:
    """The rows of the table with this heading, cells stripped of their back-ticks."""
    lines = GUIDE[GUIDE.index("| " + " | ".join(heading) + " |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines]


def test_its_skeleton_is_python_that_fits_the_contract():
    code = "".join(re.findall(r"(?s)```python\n(.*?)```", GUIDE))
    names: dict[str, Any] = {}
    exec(compile(code, "docs/writing-a-driver.md", "exec"), names)
    assert names["AcmePlugin"].name == "acme"
    assert all(field.description for field in names["AcmeSettings"].model_fields.values())
    assert issubclass(names["TestAcme"], DriverConformance)
    needed = DeviceUnderTest.__annotations__.keys() - {"patience", "cannot"}
    assert needed <= vars(names["AcmeOnTheDesk"]).keys(), "what has no default"
    assert names["AcmeOnTheDesk"]().cannot.keys() == {
        Ability.LINK_LOSS,
        Ability.EXCHANGE,
        Ability.EXCHANGE_WITHIN,
        Ability.TWINS,
        Ability.REFUSAL,
        Ability.NOISE,
    }


def test_its_skeleton_imports_what_a_plugin_may_and_the_guide_names_all_of_that():
    code = "".join(re.findall(r"(?s)```python\n(.*?)```", GUIDE))
    used = set(re.findall(r"(?m)^from (drivers\.\w+)", code))
    assert used <= FOR_PLUGINS | {"drivers.conformance"}
    assert all(f"`{module}`" in GUIDE and import_module(module) for module in FOR_PLUGINS)


def test_it_names_every_method_and_every_ability():
    methods = {name for name in vars(HubDriver) if not name.startswith("_")} - {"place", "can_revert"}
    assert {name for row in rows("method", "does", "lock") for name in row[0].split(", ")} == methods
    told = {row[0]: row[1].split(", ") for row in rows("ability", "methods to write", "shows")}
    assert told.keys() == {ability.name for ability in Ability}
    assert all(hasattr(DeviceUnderTest, method) for methods in told.values() for method in methods)


@pytest.mark.parametrize("row", rows("raise", "when", "code, from `flash`", "again", "asks of the operator"))
def test_its_table_of_errors_is_the_stations(row):
    name, _, code, again, operator = row
    error = getattr(errors, name)("what", action=errors.HubAction.FLASH, state_known=False)
    assert failure.code_of(error, Stage.FLASH) == code
    if again == "open":
        assert operator.startswith("the attempt stays open")
        assert failure.leaves_open(error, present=True)
    else:
        assert failure.may_try_again(error, 1) is (again == "yes")
        assert (
            failure.disposition(failure.code_of(error, Stage.FLASH), SlotName(jig="a", slot=1), ())
            == operator
        )


def test_its_table_of_errors_leaves_none_out():
    kinds = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.DriverError) and kind is not errors.DriverError
    }
    told = {row[0] for row in rows("raise", "when", "code, from `flash`", "again", "asks of the operator")}
    assert kinds - told == {"PlaceUnavailable"}
