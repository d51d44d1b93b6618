from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from station.people.operators import Operators, OperatorsUnreadable


def test_a_person_has_one_pseudonym_until_erased(tmp_path: Path) -> None:
    path = tmp_path / "operators.json"
    operators = Operators(path)
    assert operators.people() == {}
    first = operators.pseudonym_of("Example Person")
    assert Operators(path).pseudonym_of("Example Person") == first
    second = operators.pseudonym_of("Another Person")
    assert operators.people() == {first: "Example Person", second: "Another Person"}
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


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"op-1": 1}', b"\xff\xfe"])
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
    assert operators.people() == {known: "Example Person"}
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
