"""The catalogue's own keys in an HSM: the same SoftHSM as for unlocking."""

from __future__ import annotations

from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from benches.soft_hsm import MODULE, PIN, TOKEN, SoftHsm
from firmware_catalog.trust.errors import SigningKeyError
from firmware_catalog.trust.founding import OWNER_ROLES, found_catalog, rotate_root
from firmware_catalog.trust.keeper import CatalogKeeper
from firmware_catalog.trust.signing import RoleKeys, load_signer

ROOT_KEY = f"hsm:7?label={TOKEN}"


@pytest.fixture
def hsm_with_root_key(soft_hsm: SoftHsm, monkeypatch: pytest.MonkeyPatch) -> SoftHsm:
    soft_hsm.make_key("root", key_id=b"\7")
    monkeypatch.setenv("PYKCS11LIB", str(MODULE))
    return soft_hsm


def test_the_root_key_stays_in_its_hsm(hsm_with_root_key: SoftHsm, tmp_path: Path) -> None:
    root, online = load_signer(ROOT_KEY, lambda: PIN), CryptoSigner.generate_ecdsa()
    keys = dict.fromkeys(OWNER_ROLES, RoleKeys((online.public_key,)))
    keys["root"] = RoleKeys((root.public_key,))
    first = found_catalog(tmp_path / "catalogue", keys, [root, online]).read_bytes()
    assert rotate_root(tmp_path / "catalogue", {}, [root, online]) == 2
    assert CatalogKeeper(str(tmp_path / "catalogue"), first, tmp_path / "state").refresh().models() == ()


def test_a_wrong_pin_is_tried_once(hsm_with_root_key: SoftHsm, tmp_path: Path) -> None:
    asked = []

    def wrong_pin() -> str:
        asked.append("")
        return "wrong-pin"

    root, online = load_signer(ROOT_KEY, wrong_pin), CryptoSigner.generate_ecdsa()
    keys = {role: RoleKeys((root.public_key,)) for role in OWNER_ROLES}
    refused = (
        r"does not sign: its HSM refuses the PIN \(PinIncorrect\); give the right one; nothing was changed"
    )
    with pytest.raises(SigningKeyError, match=refused):
        found_catalog(tmp_path / "catalogue", keys, [root, online])
    assert len(asked) == 1
    assert not (tmp_path / "catalogue" / "metadata").exists()


@pytest.mark.parametrize("key", ["hsm:8", f"hsm:8?label={TOKEN}", "hsm:7?label=another", "hsm:x"])
def test_an_hsm_key_that_is_not_there_is_told(hsm_with_root_key: SoftHsm, key: str) -> None:
    with pytest.raises(SigningKeyError, match=r"cannot be used: .*check PYKCS11LIB"):
        load_signer(key, lambda: PIN)
