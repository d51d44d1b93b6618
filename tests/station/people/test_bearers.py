"""Sessions and tokens: found again by their secret alone, and over with the shift, the person, or a word."""

from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from station.domain.actor import PersonRole
from station.people.bearers import (
    MOST_SESSIONS,
    Bearers,
    BearersUnreadable,
    Holder,
    NameTaken,
    ProgramRole,
    digest_of,
)
from station.people.operators import Operators, UnknownPseudonym

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Site:
    def __init__(self, folder: Path) -> None:
        self.operators = Operators(folder / "operators.json")
        self.ann = self.operators.pseudonym_of("Ann Example")
        self.file = folder / "bearers.json"
        self.bearers = Bearers(self.file, self.operators)

    def who(self, secret: str, now: datetime = NOW) -> Holder | None:
        return Bearers(self.file, self.operators).holder(digest_of(secret), now)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_session_lasts_as_long_as_it_was_given_and_its_secret_is_kept_nowhere(site: Site) -> None:
    secret, role = site.bearers.open_session(site.ann, NOW, NOW + HOUR)
    assert (len(secret), role) == (43, PersonRole.TECHNICIAN)
    assert site.who(secret) == Holder(site.ann, PersonRole.TECHNICIAN, NOW + HOUR, is_person=True)
    assert site.who(secret, NOW + HOUR - timedelta(seconds=1)) is not None
    assert site.who(secret, NOW + HOUR) is None
    assert site.who(secret, NOW - HOUR) is None, "the clock was set back: nobody knows how long it has been"
    assert site.who(secret[:-1]) is site.who("") is site.who(site.ann) is None
    assert secret.encode() not in site.file.read_bytes()
    assert stat.S_IMODE(site.file.stat().st_mode) == 0o600
    assert site.bearers.close_session(secret)
    assert not site.bearers.close_session(secret)
    assert site.who(secret) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda site: site.operators.erase(site.ann),
        lambda site: site.operators.set_pin(site.ann, "135797"),
        lambda site: site.operators.set_role(site.ann, PersonRole.SUPERVISOR),
    ],
    ids=["erased", "another PIN", "another role"],
)
def test_a_session_is_over_once_the_person_is_another(site: Site, change: Callable[[Site], None]) -> None:
    secret, _ = site.bearers.open_session(site.ann, NOW, NOW + HOUR)
    change(site)
    assert site.who(secret) is None


def test_sessions_do_not_gather(site: Site) -> None:
    first, _ = site.bearers.open_session(site.ann, NOW, NOW + HOUR)
    secrets = [site.bearers.open_session(site.ann, NOW, NOW + 2 * HOUR)[0] for _ in range(MOST_SESSIONS)]
    assert site.who(first) is None
    assert all(site.who(each) for each in secrets)
    site.bearers.open_session(site.ann, NOW + 3 * HOUR, NOW + 4 * HOUR)
    assert site.file.stat().st_size < 1000, "those that are over go with the next"
    site.operators.erase(site.ann)
    with pytest.raises(UnknownPseudonym):
        site.bearers.open_session(site.ann, NOW, NOW + HOUR)


def test_a_programs_token_is_shown_once_and_counts_until_it_is_revoked(site: Site) -> None:
    token = site.bearers.make_token("erp-1", ProgramRole.PLANNER, NOW, NOW + HOUR)
    other = site.bearers.make_token("prometheus", ProgramRole.VIEWER, NOW)
    with pytest.raises(NameTaken, match="erp-1 has a token: choose another name, or revoke"):
        site.bearers.make_token("erp-1", ProgramRole.VIEWER, NOW)
    assert site.who(token) == Holder("program-erp-1", ProgramRole.PLANNER, NOW + HOUR, is_person=False)
    assert site.who(token, NOW + HOUR) is None
    assert site.who(other, NOW + 10_000 * HOUR) is not None
    assert site.bearers.revoke_token("prometheus")
    assert not site.bearers.revoke_token("prometheus")
    assert site.who(other) is None
    assert list(site.bearers.tokens()) == ["erp-1"]


def test_a_file_that_is_damaged_or_open_to_others_lets_nobody_in(site: Site) -> None:
    secret, _ = site.bearers.open_session(site.ann, NOW, NOW + HOUR)
    sound = site.file.read_bytes()
    site.file.write_bytes(sound[:-9])
    with pytest.raises(BearersUnreadable, match="is no list of sessions and tokens: remove it") as refused:
        site.who(secret)
    assert site.ann not in str(refused.value)
    site.file.write_bytes(sound)
    site.file.chmod(0o644)
    with pytest.raises(BearersUnreadable, match="can be read by other users; run: chmod 600"):
        site.who(secret)
