"""Who may read a secret's file: the same rule wherever one is used."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_catalog.secret_files import SecretExposed, read_secret, require_secrecy

STATION, SOMEBODY, ROOT = 990, 991, 0
PATH = Path("/etc/reflash/secret")


def status(uid: int, mode: int) -> os.stat_result:
    return os.stat_result((stat.S_IFREG | mode, 0, 0, 1, uid, 0, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("uid", "mode", "run"),
    [
        (STATION, 0o600, None),
        (STATION, 0o400, None),
        (STATION, 0o640, "chmod 600"),
        (STATION, 0o604, "chmod 600"),
        (STATION, 0o620, "chmod 600"),
        (ROOT, 0o640, None),  # root:reflash
        (ROOT, 0o440, None),  # what systemd's LoadCredential= makes
        (ROOT, 0o400, None),
        (ROOT, 0o660, "chmod 640"),
        (ROOT, 0o644, "chmod 640"),
        (SOMEBODY, 0o600, f"chown {STATION}"),
        (SOMEBODY, 0o644, f"chown {STATION}"),
    ],
)
def test_what_is_refused_says_what_to_run(uid: int, mode: int, run: str | None) -> None:
    if run is None:
        require_secrecy(status(uid, mode), PATH, STATION)
        return
    with pytest.raises(SecretExposed) as refused:
        require_secrecy(status(uid, mode), PATH, STATION)
    assert str(refused.value).startswith(f"{PATH} ")
    assert str(refused.value).endswith(f"; run: {run} {PATH}")


@given(st.sampled_from([STATION, SOMEBODY, ROOT]), st.integers(0, 0o777), st.sampled_from([STATION, ROOT]))
def test_nobody_elses_bit_passes_ever(uid: int, mode: int, user: int) -> None:
    try:
        require_secrecy(status(uid, mode), PATH, user)
    except SecretExposed:
        return
    assert not mode & 0o007
    assert not mode & 0o030
    assert uid in {user, ROOT} or user == ROOT
    assert not mode & 0o040 or (uid == ROOT and user != ROOT)


def test_a_link_is_followed_and_its_target_judged(tmp_path: Path) -> None:
    secret, link = tmp_path / "secret", tmp_path / "link"
    secret.write_bytes(b"secret")
    secret.chmod(0o600)
    link.symlink_to("secret")
    assert read_secret(link, 100) == b"secret"
    secret.chmod(0o604)
    with pytest.raises(SecretExposed, match=f"{link} can be read by other users"):
        read_secret(link, 100)
    link.unlink()
    link.symlink_to(link)
    with pytest.raises(OSError, match="symbolic links"):
        read_secret(link, 100)
