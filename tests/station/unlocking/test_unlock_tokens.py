from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches.processes import run
from drivers.errors import UnlockAuthorityFailed
from drivers.hub import UnlockChallenge
from firmware_catalog.identity import Eui64
from station.unlocking.key_file import UnlockKeyError
from station.unlocking.tokens import TokenFileAuthority, _parse

FIRST, SECOND = "11" * 64, "22" * 64


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    return tmp_path / "tokens.csv"


def issue(file: Path, *rows: str) -> None:
    file.write_text("\n".join(("chf,nonce,signature", *rows)) + "\n")
    file.chmod(0o600)


def take(file: Path, challenge: UnlockChallenge) -> str:
    authority = TokenFileAuthority(file, file.parent / "used")
    return asyncio.run(authority.sign(challenge)).hex()


def test_each_token_is_given_once_and_for_its_hub_only(token_file: Path, challenge: UnlockChallenge) -> None:
    issue(token_file, f"{challenge.device_id},,{FIRST}", f"{challenge.device_id},,{SECOND}")
    other = replace(challenge, device_id=Eui64.parse("88-73-84-00-00-00-00-02"))
    with pytest.raises(UnlockAuthorityFailed, match="00-02 does not exist: have one issued"):
        take(token_file, other)
    assert take(token_file, challenge) == FIRST
    assert take(token_file, challenge) == SECOND
    with pytest.raises(UnlockAuthorityFailed, match="has been used") as caught:
        take(token_file, challenge)
    assert caught.value.state_known
    assert FIRST not in str(caught.value)


def test_a_token_for_one_challenge_is_not_spent_on_another(
    token_file: Path, challenge: UnlockChallenge
) -> None:
    issue(token_file, f"{challenge.device_id},{challenge.nonce.hex()},{FIRST}")
    with pytest.raises(UnlockAuthorityFailed, match="is for another challenge"):
        take(token_file, replace(challenge, nonce=bytes(24)))
    assert take(token_file, challenge) == FIRST


async def test_a_token_that_is_issued_again_is_still_used(
    token_file: Path, challenge: UnlockChallenge
) -> None:
    issue(token_file, f"{challenge.device_id},,{FIRST}")
    authority = TokenFileAuthority(token_file, token_file.parent / "used")

    await authority.sign(challenge)
    issue(token_file, f"{challenge.device_id},,{FIRST}", f"{challenge.device_id},,{SECOND}")
    assert (await authority.sign(challenge)).hex() == SECOND


def test_twenty_four_slots_never_get_the_same_token(token_file: Path, challenge: UnlockChallenge) -> None:
    signatures = {f"{number:02x}" * 64 for number in range(24)}
    issue(token_file, *(f"{challenge.device_id},,{signature}" for signature in sorted(signatures)))
    authority = TokenFileAuthority(token_file, token_file.parent / "used")

    async def run() -> list[bytes]:
        return await asyncio.gather(*(authority.sign(challenge) for _ in range(24)))

    assert {given.hex() for given in asyncio.run(run())} == signatures


def test_a_token_is_used_up_before_it_is_given(token_file: Path, challenge: UnlockChallenge) -> None:
    """A process that dies with the token in its hands does not give it out again after its restart."""
    issue(token_file, f"{challenge.device_id},,{FIRST}")
    dies = f"""
import asyncio, os
from pathlib import Path
from drivers.hub import UnlockChallenge
from firmware_catalog.identity import DeviceModel, Eui64
from station.unlocking.tokens import TokenFileAuthority
challenge = UnlockChallenge(Eui64.parse("{challenge.device_id}"), bytes(24), DeviceModel("A", "B"))
authority = TokenFileAuthority(Path("{token_file}"), Path("{token_file.parent}/used"))
asyncio.run(authority.sign(challenge))
os.kill(os.getpid(), 9)
"""
    assert run([sys.executable, "-c", dies]).returncode == -9
    with pytest.raises(UnlockAuthorityFailed, match="has been used"):
        take(token_file, challenge)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "needs the columns chf, nonce, signature"),
        ("chf,signature\n", "needs the columns"),
        ("chf,nonce,signature\n88-73-84-00-00-00-00-01,,11\n", "line 2 is no token"),
        (f"chf,nonce,signature\nnobody,,{FIRST}\n", "line 2 is no token"),
        (f"chf,nonce,signature\n88-73-84-00-00-00-00-01,{FIRST}\n", "line 2 is no token"),
        (f"chf,nonce,signature\n88-73-84-00-00-00-00-01,xy,{FIRST}\n", "line 2 is no token"),
        ('chf,nonce,signature\n"x', "no CSV"),
        (b"\xff", "no CSV in UTF-8"),
    ],
)
def test_a_file_that_is_wrong_anywhere_is_not_used(
    token_file: Path, challenge: UnlockChallenge, content: str | bytes, says: str
) -> None:
    token_file.write_bytes(content if isinstance(content, bytes) else content.encode())
    token_file.chmod(0o600)
    authority = TokenFileAuthority(token_file, token_file.parent / "used")
    with pytest.raises(UnlockKeyError, match=says) as caught:
        asyncio.run(authority.check())
    assert FIRST not in str(caught.value)
    with pytest.raises(UnlockAuthorityFailed, match=says):
        take(token_file, challenge)


def test_the_file_and_the_memory_of_it_must_be_there(token_file: Path, challenge: UnlockChallenge) -> None:
    with pytest.raises(UnlockAuthorityFailed, match=r"No such file.*set unlock\.token_file"):
        take(token_file, challenge)
    issue(token_file, f"{challenge.device_id},,{FIRST}")
    token_file.chmod(0o644)
    with pytest.raises(UnlockAuthorityFailed, match="chmod 600"):
        take(token_file, challenge)
    token_file.chmod(0o600)
    (token_file.parent / "used").write_text("in the way")
    with pytest.raises(UnlockAuthorityFailed, match="no token is given without it"):
        take(token_file, challenge)
    authority = TokenFileAuthority(token_file, token_file.parent / "used")
    with pytest.raises(UnlockKeyError, match="must be remembered"):
        asyncio.run(authority.check())


def test_a_file_that_others_can_read_is_not_used(token_file: Path, challenge: UnlockChallenge) -> None:
    """Also where it was opened to them only after it had been read."""
    issue(token_file, f"{challenge.device_id},,{FIRST}")
    authority = TokenFileAuthority(token_file, token_file.parent / "used")
    asyncio.run(authority.check())
    token_file.chmod(0o604)
    with pytest.raises(UnlockAuthorityFailed, match="can be read by other users; run: chmod 600"):
        asyncio.run(authority.sign(challenge))
    token_file.chmod(0o600)
    assert asyncio.run(authority.sign(challenge)).hex() == FIRST


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda data: b"chf,nonce,signature\n" + data))
def test_hostile_bytes_are_refused_or_read_whole(data: bytes) -> None:
    try:
        tokens = _parse(Path("tokens.csv"), data)
    except UnlockKeyError as error:
        tokens, line = {}, str(error)
    else:
        line = ""
    assert "\n" not in line
    assert all(len(token.signature) == 64 for each in tokens.values() for token in each)
