from __future__ import annotations

import importlib
import json
import pkgutil
from importlib import resources

import jsonschema
import pytest

import station.messages
from station.messages.form import MessageForm

FORMS = [
    form
    for module in pkgutil.iter_modules(station.messages.__path__)
    for form in vars(importlib.import_module(f"station.messages.{module.name}")).values()
    if isinstance(form, MessageForm)
]
by_name = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)


@by_name
def test_the_shipped_schema_is_the_models_own(form: MessageForm) -> None:
    assert form.shipped_schema() == json.loads(json.dumps(form.schema())), (
        f"the model changed: write its schema to station/messages/schema/{form.name}.json, "
        "under a new number if an old consumer would stumble over it"
    )
    jsonschema.Draft202012Validator.check_schema(form.shipped_schema())


def test_every_shipped_schema_has_its_form() -> None:
    shipped = resources.files("station.messages").joinpath("schema").iterdir()
    assert {path.name for path in shipped} == {f"{form.name}.json" for form in FORMS}


@by_name
def test_versions_that_may_grow_say_so_in_their_schema(form: MessageForm) -> None:
    may_grow = form.name != "result-1"
    assert form.shipped_schema().get("additionalProperties", True) is may_grow
