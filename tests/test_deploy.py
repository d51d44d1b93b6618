"""The configuration that is shipped: it is loaded, nothing in it is unknown, and no setting is left out of it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from drivers.dfu.settings import DfuSettings
from drivers.smp.settings import SmpSettings
from station.places.finding import checked_driver
from station.settings import StationSettings
from station.settings_file import load_settings

SHIPPED = Path(__file__).parents[1] / "deploy" / "station.toml"
OPEN_TABLES = {"jigs.slots", "jigs.driver_settings"}
"""Tables whose keys are the site's own, or its driver's."""


def uncommented(text: str) -> str:
    """Take the settings that are shown as comments (`# key = value`, `# [table]`) for what they say."""
    return re.sub(r"(?m)^# ?(?=\w+ = |\[)", "", text)


def with_alternatives(text: str) -> str:
    """Take what may stand in another's place (`# or: key = value`) for what it says too."""
    return re.sub(r"(?m)^# or: ", "", uncommented(text))


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that a field's type speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


def fields_of(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every field of a settings model and of the models within, by its dotted name."""
    for name, field in model.model_fields.items():
        yield path + name, field
        for inner in models_in(field.annotation):
            yield from fields_of(inner, f"{path}{name}.")


def keys_of(table: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in table.items():
        yield path + key
        if path + key in OPEN_TABLES:
            continue
        tables = value if isinstance(value, list) else [value]
        for inner in tables:
            if isinstance(inner, dict):
                yield from keys_of(inner, f"{path}{key}.")


FIELDS = dict(fields_of(StationSettings))


def test_it_is_loaded_as_it_is() -> None:
    settings = load_settings(SHIPPED)
    assert settings.mode == "production"
    assert len(settings.jigs[0].slots) == 8


def test_with_all_that_it_shows_it_is_loaded_too(tmp_path: Path) -> None:
    everything = tmp_path / "station.toml"
    everything.write_text(uncommented(SHIPPED.read_text()))
    assert load_settings(everything).site == load_settings(SHIPPED).site


def test_every_setting_is_in_it_and_nothing_else() -> None:
    shown = set(keys_of(tomllib.loads(with_alternatives(SHIPPED.read_text()))))
    assert shown - set(FIELDS) == set()
    assert set(FIELDS) - shown == set()
    driver = tomllib.loads(SHIPPED.read_text())["jigs"][0]["driver_settings"]
    assert set(driver) == set(SmpSettings.model_fields)


def test_the_usb_jig_that_it_shows_can_be_used_and_names_every_setting_with_its_default(
    tmp_path: Path,
) -> None:
    everything = tmp_path / "station.toml"
    everything.write_text(uncommented(SHIPPED.read_text()))
    _, jig = load_settings(everything).jigs
    _, settings = checked_driver(jig)
    assert settings == DfuSettings()
    assert set(jig.driver_settings) == set(DfuSettings.model_fields)
    assert jig.slots == {1: "usb:1-2.1", 2: "usb:1-2.2"}


def test_what_it_shows_is_the_default_where_there_is_one() -> None:
    everything = tomllib.loads(with_alternatives(SHIPPED.read_text()))
    for name, field in FIELDS.items():
        shown: Any = everything
        for key in name.split("."):
            shown = (shown[0] if isinstance(shown, list) else shown)[key]
        if not isinstance(shown, dict | list) and field.default not in {None, PydanticUndefined}:
            assert shown == field.default, name
    for name, value in everything["jigs"][0]["driver_settings"].items():
        assert value == SmpSettings.model_fields[name].default, name


def test_every_setting_is_described() -> None:
    for name, field in FIELDS.items():
        assert field.description or all(model.__doc__ for model in models_in(field.annotation)), name
        assert field.description or list(models_in(field.annotation)), name


def test_a_jig_without_lid_and_button_can_be_described(tmp_path: Path) -> None:
    text = uncommented(SHIPPED.read_text())
    text = text.replace("lid_closed = 8", 'lid_closed = ""').replace("start_button = 9", 'start_button = ""')
    file = tmp_path / "station.toml"
    file.write_text(text)
    board = load_settings(file).jigs[0].board
    assert board is not None
    assert (board.registers.lid_closed, board.registers.start_button) == (None, None)
