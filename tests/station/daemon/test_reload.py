"""What a running daemon takes over from a changed configuration."""

from __future__ import annotations

import pytest

from benches.station_config import write_config
from station.daemon.reload import RELOADABLE, check_reload
from station.domain.config_error import ConfigError
from station.settings import StationSettings
from station.settings_file import load_settings

BASE = {
    "site": "site-1",
    "station": "bench-1",
    "state_directory": "/var/lib/reflash",
    "catalogue": {"folder": "/srv/catalogue"},
    "unlock": {"key_file": "/etc/reflash/unlock.pem"},
    "jigs": [{"name": "jig1", "slots": {"1": "/dev/ttyUSB0"}}],
}


def settings(**changes):
    return StationSettings.model_validate({**BASE, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"operator": "op-2"},
        {"log": {"level": "debug"}},
        {"mqtt": {"host": "broker"}},
        {"thresholds": {"hubs_failing_in_a_row": 5}},
        {"catalogue": {"folder": "/srv/other"}},
        {"drain_seconds": 1},
        {"backup": {"folder": "/backup"}},
        {"watched_certificates": ["/etc/reflash/screen.pem"]},
    ],
)
def test_these_may_change(changes):
    check_reload(settings(), settings(**changes))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"site": "site-2"}, "site"),
        ({"jigs": [{"name": "jig1", "slots": {"1": "/dev/ttyUSB1"}}]}, "jigs"),
        ({"state_directory": "/elsewhere", "operator": "op-2"}, "state_directory"),
    ],
)
def test_these_are_refused_in_one_line(changes, named):
    with pytest.raises(ConfigError) as refused:
        check_reload(settings(), settings(**changes))
    assert named in str(refused.value)
    assert "restart" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_link_on_the_way_to_the_state_directory_that_leads_elsewhere_now_needs_a_restart(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "one")
    file = tmp_path / "station.toml"

    def loaded(folder: str) -> StationSettings:
        return load_settings(write_config(file, {**BASE, "state_directory": folder}))

    before = loaded(f"{link}/reflash/../reflash/")
    assert before.state_directory == tmp_path / "one" / "reflash"
    link.unlink()
    link.symlink_to(tmp_path / "two")
    with pytest.raises(ConfigError, match="state_directory cannot change"):
        check_reload(before, loaded(f"{link}/reflash"))


def test_every_reloadable_key_is_a_key():
    assert set(StationSettings.model_fields) >= RELOADABLE
