from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from station.domain.actor import PersonRole
from station.domain.pin import ProofUnfit, is_pin, require_pin
from station.people.operators import BadgeTaken, Operators, OperatorsUnreadable, Person, UnknownPseudonym
from station.people.proofs import require_badge

BADGE = "4711AB42"
PIN = "135797531"


def test_a_person_has_one_pseudonym_until_erased(tmp_path: Path) -> None:
    path = tmp_path / "a new bench" / "operators.json"
    operators = Operators(path)
    assert operators.people() == {}
    first = operators.pseudonym_of("Example Person")
    assert Operators(path).pseudonym_of("Example Person") == first
    second = operators.pseudonym_of("Another Person")
    assert operators.people() == {first: Person(name="Example Person"), second: Person(name="Another Person")}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert operators.erase(first)
    assert not operators.erase(first)
    assert b"Example Person" not in path.read_bytes()
    assert operators.pseudonym_of("Example Person") != first


def test_people_are_not_for_others_to_read(tmp_path: Path) -> None:
    path = tmp_path / "operators.json"
    Operators(path).pseudonym_of("Example Person")
    path.chmod(0o644)
    with pytest.raises(
        OperatorsUnreadable, match=f"{path} can be read by other users; run: chmod 600 {path}"
    ):
        Operators(path).people()


def test_badge_and_pin_are_kept_as_hashes_found_again_and_erased_with_the_person(tmp_path: Path) -> None:
    path = tmp_path / "operators.json"
    operators = Operators(path)
    one, other = (
        operators.pseudonym_of("Example Person"),
        operators.pseudonym_of("Another", PersonRole.SUPERVISOR),
    )
    operators.set_badge(one, BADGE)
    operators.set_pin(one, PIN)
    operators.set_pin(other, PIN)
    with pytest.raises(BadgeTaken, match=f"this badge is {one}'s; take it away there first"):
        operators.set_badge(other, BADGE)
    operators.set_badge(one, BADGE)  # his own again
    people = Operators(path).people()
    assert {person.role for person in people.values()} == set(PersonRole)
    assert people[one].pin != people[other].pin, "two who chose the same PIN do not know it of each other"
    written = path.read_bytes()
    for secret in (BADGE, BADGE.lower(), PIN):
        assert secret.encode() not in written
        assert secret not in repr(people)
    assert operators.whose_badge(BADGE) == (one, operators.people()[one])
    assert operators.whose_badge("4711AB43") is None
    kept = people[one].pin
    assert kept is not None
    assert [is_pin(pin, kept) for pin in (PIN, "135797532", "")] == [True, False, False]
    assert not is_pin(PIN, "$argon2id$damaged")
    assert operators.find(" example  PERSON") == (one, people[one])
    assert operators.find(one) == (one, people[one])
    operators.set_role(one, PersonRole.SUPERVISOR)
    assert operators.erase(one)
    assert path.read_bytes().count(b"argon2id") == 1
    assert b'"badge":' not in path.read_bytes()
    assert (operators.whose_badge(BADGE), operators.find(one)) == (None, None)
    for change in (operators.set_pin, operators.set_badge):
        with pytest.raises(UnknownPseudonym):
            change(one, None)
    operators.set_badge(other, BADGE)
    operators.set_pin(other, None)
    assert operators.people()[other].pin is None
    operators.pseudonym_of("EXAMPLE person")
    operators.pseudonym_of("Example Person")
    assert operators.find("example person") is None, "nobody can say which of the two is meant"


def test_a_list_of_the_version_before_is_understood_and_the_next_change_makes_it_new(tmp_path: Path) -> None:
    path = tmp_path / "operators.json"
    path.touch(mode=0o600)
    before = b'{"op-00000001":"Example Person","op-00000002":"Another"}\n'
    path.write_bytes(before)
    operators = Operators(path)
    assert operators.people()["op-00000001"] == Person(name="Example Person", role=PersonRole.TECHNICIAN)
    assert operators.pseudonym_of("Another") == "op-00000002"
    assert path.read_bytes() == before, "nothing had to change"
    operators.set_role("op-00000002", PersonRole.SUPERVISOR)
    assert path.read_bytes().startswith(b'{"badge_salt":"')
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert operators.people() == {
        "op-00000001": Person(name="Example Person"),
        "op-00000002": Person(name="Another", role=PersonRole.SUPERVISOR),
    }


@pytest.mark.parametrize(
    "pin", ["", "135", "1234567890123", "12a4", "\N{FULLWIDTH DIGIT ONE}357", "0000", "2345", "9876", "8901"]
)
def test_what_anybody_would_try_first_is_no_pin(pin: str) -> None:
    with pytest.raises(ProofUnfit) as refused:
        require_pin(pin)
    assert pin not in str(refused.value) or not pin


def test_a_badge_whose_end_could_be_read_as_a_hub_is_none() -> None:
    for code in ("88738400000000AB", "ZZ0123456789ABCDEF"):
        with pytest.raises(ProofUnfit, match="could be read as a hub's id"):
            require_badge(code)
    require_badge("0123456789ABCDEFZ")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b'{"op-1": 1}',
        b"\xff\xfe",
        b'{"version":2,"people":{"op-1":{"name":"N"}}}',
        b'{"version":3,"badge_salt":"%b","people":{}}' % (b"0" * 32),
        b'{"version":2,"badge_salt":"%b","people":{"op-1":{"name":"N","role":"owner"}}}' % (b"0" * 32),
    ],
)
def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "operators.json"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(OperatorsUnreadable, match=r"operators\.json"):
        Operators(path).pseudonym_of("Example Person")
    assert path.read_bytes() == content


def test_a_write_that_fails_keeps_what_was_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "operators.json"
    operators = Operators(path)
    known = operators.pseudonym_of("Example Person")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        operators.pseudonym_of("Another Person")
    assert operators.people() == {known: Person(name="Example Person")}
    assert [child.name for child in tmp_path.iterdir()] == ["operators.json"]


def test_two_programs_that_add_people_at_once_forget_nobody(tmp_path: Path) -> None:
    path = tmp_path / "operators.json"
    added = "import sys; from pathlib import Path; from station.people.operators import Operators\n"
    added += "for n in range(20): Operators(Path(sys.argv[1])).pseudonym_of(f'{sys.argv[2]} {n}')"
    programs = [
        subprocess.Popen([sys.executable, "-c", added, str(path), name]) for name in ("One", "Another")
    ]
    assert [program.wait(60) for program in programs] == [0, 0]
    assert len(Operators(path).people()) == 40
