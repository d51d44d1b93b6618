"""Why a configuration cannot be used, in words for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails


class ConfigError(Exception):
    """The configuration cannot be used. The message is one line a fault."""


def faults_of(error: ValidationError, jigs: Sequence[object] = ()) -> Iterator[str]:
    """Word each fault of a validation as one line: where it is, what is wrong, what to do.

    `jigs` are the jig tables that were validated: a person knows a jig by its name, not by its place in the file.
    """
    for fault in error.errors(include_url=False):
        owner, key = _place_in_file(fault["loc"], jigs)
        if fault["type"] == "extra_forbidden":
            line = f"unknown key {key}; remove it or correct its spelling"
        elif fault["type"] == "missing":
            line = f"{key} is missing; add it"
        else:
            what = _in_words_of_toml(fault)
            line = f"{key}: {what}" if key else what
        yield f"{owner}: {line}" if owner else line


def _in_words_of_toml(fault: ErrorDetails) -> str:
    """Say what was found where a value of another kind belongs: pydantic says it in Python's words."""
    heading = ".".join(part for part in fault["loc"] if isinstance(part, str))
    match fault["type"]:
        case "dict_type" | "model_type" | "model_attributes_type" | "dataclass_type":
            return f"it has to be one table: [{heading}]"
        case "tuple_type" | "list_type" if isinstance(fault["input"], Mapping):
            return f"there may be several: [[{heading}]], not [{heading}]"
        case "tuple_type" | "list_type":
            return "it has to be a list: in square brackets"
        case "string_type":
            return "it has to be a text: in quotation marks"
        case _:
            return fault["msg"].removeprefix("Value error, ")


def _place_in_file(location: Sequence[int | str], jigs: Sequence[object]) -> tuple[str, str]:
    """Name a key as a person finds it: the jig it belongs to, if any, and the key within."""
    keys = [str(part) for part in location if part != "[key]"]  # pydantic's mark of a fault in the key itself
    match location:
        case ("jigs", int(index), *_) if index < len(jigs):
            jig = jigs[index]
            if isinstance(jig, Mapping) and isinstance(jig.get("name"), str):
                return f"jig {jig['name']}", ".".join(keys[2:])
    return "", ".".join(keys)
