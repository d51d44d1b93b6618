from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from station.publishing.settings import MqttSettings


def test_without_a_word_the_broker_is_on_this_machine() -> None:
    settings = MqttSettings()
    assert (settings.host, settings.port, settings.username, settings.ca_file) == (
        "127.0.0.1",
        1883,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"hots": "broker"}, "Extra inputs"),
        ({"port": 0}, "greater than or equal to 1"),
        ({"password_file": "secret"}, "needs username"),
        ({"certificate_file": "a.pem", "ca_file": "ca.pem"}, "go together"),
        ({"certificate_file": "a.pem", "key_file": "a.key"}, "needs ca_file"),
    ],
)
def test_what_does_not_belong_together_is_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        MqttSettings(**given)


def test_every_field_says_what_it_is_for() -> None:
    for name, field in MqttSettings.model_fields.items():
        assert field.description, name


def test_files_are_paths() -> None:
    assert MqttSettings(username="bench", password_file="secret").password_file == Path("secret")
