"""`reflash catalog` on a signed catalogue, from founding to withdrawal, and every wrong input in one line."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benches.damage import damaged
from benches.processes import run
from benches.soft_hsm import MODULE, PIN, TOKEN, SoftHsm
from firmware_catalog.trust.signing import create_key_file
from simulators.firmware import FirmwareSpec, make_firmware
from simulators.keys import generate_key, save_public_key

MODEL = ("--manufacturer", "10A8", "--model", "00000011")


@dataclass
class Owner:
    """A catalogue and everybody's keys, worked on by command alone."""

    reflash: Callable[..., Any]
    folder: Path

    @property
    def dir(self) -> tuple[str, Path]:
        return "--dir", self.folder / "catalogue"

    @property
    def root(self) -> Path:
        return self.folder / "catalogue" / "metadata" / "1.root.json"

    def key(self, name: str) -> tuple[str, Path]:
        return "--key", self.folder / f"{name}.pem"

    def do(self, what: str, *options: object) -> Any:
        return self.reflash("catalog", what, *self.dir, *options)

    def init(self, *options: object) -> Any:
        keys: list[object] = []
        for role, name in (("root", "r1"), ("root", "r2"), ("targets", "t"), ("snapshot", "on")):
            keys += [f"--{role}-key", self.folder / f"{name}.pem"]
        keys += ["--timestamp-key", self.folder / "on.pem", "--root-threshold", 2, "--make-keys"]
        return self.do("init", *keys, *options)

    def delegate(self) -> Any:
        maker = ("--maker-key", self.folder / "maker.pub.pem", "--image-key", self.folder / "image.pub.pem")
        return self.do("delegate", "--manufacturer", "10A8", *maker, *self.key("t"))

    def add(self, name: str = "new", *options: object) -> Any:
        return self.do("add", self.folder / f"{name}.bin", *self.key("maker"), *options)

    def refresh(self, *options: object) -> Any:
        return self.do("refresh", *self.key("on"), *options)

    def verify(self, *options: object) -> Any:
        return self.do("verify", *options)


@pytest.fixture
def owner(tmp_path: Path, reflash: Any) -> Owner:
    create_key_file(tmp_path / "maker.pem")
    image_key = generate_key()
    save_public_key(image_key.public_key(), tmp_path / "image.pub.pem")
    for name, text in (("old", "1.2.256"), ("new", "1.2.303")):
        (tmp_path / f"{name}.bin").write_bytes(
            make_firmware(FirmwareSpec(text, "10A8", "00000011", 4_000), image_key)
        )
    return Owner(reflash, tmp_path)


@pytest.fixture
def founded(owner: Owner) -> Owner:
    assert owner.init().code == 0
    assert owner.delegate().code == 0
    assert owner.add().code == 0
    assert owner.refresh().code == 0
    return owner


def test_from_founding_to_withdrawal(owner: Owner, tmp_path: Path) -> None:
    said = owner.init()
    digest = hashlib.sha256(owner.root.read_bytes()).hexdigest()
    assert said.out == (
        f"catalogue founded; bring {owner.root} to each station on a way of its own (SHA-256 {digest})\n"
    )
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "r1.pem", tmp_path / "on.pem")} == {0o600}
    assert owner.delegate().out == (
        "manufacturer 10A8 may sign for its models; publish it with 'reflash catalog refresh'\n"
    )
    assert owner.add().out == "added 10A8/00000011 0102012F; publish it with 'reflash catalog refresh'\n"
    assert owner.do("list", "--json").json == []
    assert owner.refresh().out.startswith("published; good until 20")
    (row,) = owner.do("list", "--json").json
    assert (row["version"], row["status"]) == ("0102012F", "production")
    (step,) = owner.do("show", *MODEL, "--from", "01020100", "--json").json
    assert step["version"] == "0102012F"
    shutil.copy(owner.root, tmp_path / "root.json")
    said = owner.verify("--root", tmp_path / "root.json")
    assert (said.code, said.out) == (0, f"every signature and every image is good by root SHA-256 {digest}\n")
    assert owner.verify("--json").json == {"whole": True, "signed": True, "problems": []}
    withdrawn = owner.do("withdraw", *MODEL, "--version", "0102012F", *owner.key("t"))
    assert withdrawn.out == "withdrew 10A8/00000011 0102012F; publish it with 'reflash catalog refresh'\n"
    assert owner.refresh("--days", "timestamp=1", "--json").json["expires"]
    assert owner.do("list", "--json").json[0]["status"] == "withdrawn"


def test_root_keys_are_changed_by_enough_of_the_old_and_the_new(founded: Owner, tmp_path: Path) -> None:
    new = ("--new-root-key", tmp_path / "r3.pem", "--make-keys")
    one = founded.do("rotate-root", *new, *founded.key("r1"), *founded.key("on"))
    assert one.refused == "root needs 2 of its 2 keys to sign, 1 at hand; name the keys' files or HSM keys"
    both = founded.do("rotate-root", *new, *founded.key("r1"), *founded.key("r2"), *founded.key("on"))
    assert both.out == "root version 2 published; stations follow by themselves\n"
    assert founded.verify("--root", founded.root).code == 0


def test_a_revoked_manufacturer_has_no_releases(founded: Owner) -> None:
    said = founded.do("revoke", "--manufacturer", "10A8", *founded.key("t"))
    assert said.out.startswith("manufacturer 10A8 may sign no more; ")
    assert founded.refresh().code == 0
    assert founded.do("list", "--json").json == []


def test_raw_images_are_released_by_who_has_no_image_key_and_found_amiss_once_there_is_one(
    owner: Owner, tmp_path: Path
) -> None:
    assert owner.init().code == 0
    maker = ("--manufacturer", "10A8", "--maker-key", tmp_path / "maker.pub.pem", *owner.key("t"))
    assert owner.do("delegate", *maker).code == 0
    (tmp_path / "raw.bin").write_bytes(bytes(range(256)) * 8)
    assert owner.add("raw", *MODEL, "--version", "0102012F").code == 0
    assert owner.refresh().code == 0
    assert owner.verify().code == 0
    image_key = ("--image-key", tmp_path / "image.pub.pem", *owner.key("maker"))
    assert owner.do("delegate", *maker, *image_key).code == 0
    assert owner.refresh().code == 0
    said = owner.verify()
    assert said.code == 1
    assert "only signed ones of manufacturer 10A8 are taken" in said.err


def altered_image(owner: Owner) -> str:
    (image,) = (owner.folder / "catalogue" / "targets").rglob("*.bin")
    image.write_bytes(damaged(image.read_bytes()))
    return "pins"


def no_image(owner: Owner) -> str:
    (image,) = (owner.folder / "catalogue" / "targets").rglob("*.bin")
    image.unlink()
    return "does not exist"


def altered_metadata(owner: Owner) -> str:
    (maker,) = (owner.folder / "catalogue" / "metadata").glob("*.manufacturer-10A8.json")
    maker.write_text(maker.read_text().replace("production", "withdrawn"))
    return "copy the whole catalogue again"


def truncated_timestamp(owner: Owner) -> str:
    timestamp = owner.folder / "catalogue" / "metadata" / "timestamp.json"
    timestamp.write_bytes(timestamp.read_bytes()[:100])
    return "copy the whole catalogue again"


def oversized_timestamp(owner: Owner) -> str:
    timestamp = owner.folder / "catalogue" / "metadata" / "timestamp.json"
    timestamp.write_bytes(timestamp.read_bytes() + b" " * 20_000)
    return "sends too much"


def no_timestamp(owner: Owner) -> str:
    (owner.folder / "catalogue" / "metadata" / "timestamp.json").unlink()
    return "check the place and the way to it"


def no_root(owner: Owner) -> str:
    owner.root.unlink()
    return "1.root.json does not exist"


@pytest.mark.parametrize(
    "spoil",
    [
        altered_image,
        no_image,
        altered_metadata,
        truncated_timestamp,
        oversized_timestamp,
        no_timestamp,
    ],
)
def test_only_what_is_whole_and_trusted_verifies(founded: Owner, spoil: Callable[[Owner], str]) -> None:
    says = spoil(founded)
    said = founded.verify()
    assert says in said.failed
    as_json = founded.verify("--json")
    assert as_json.code == 1
    assert json.loads(as_json.out)["whole"] is False


def test_another_owners_catalogue_does_not_verify_by_our_root(
    founded: Owner, tmp_path: Path, reflash: Any
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for name in ("maker.pub.pem", "image.pub.pem"):
        shutil.copy(tmp_path / name, theirs)
    assert Owner(reflash, theirs).init().code == 0
    said = Owner(reflash, theirs).verify("--root", founded.root)
    assert "not signed by the keys that this station trusts" in said.failed
    said = founded.verify("--root", tmp_path / "nowhere.json")
    assert (said.code, said.complaint) == (
        2,
        f"{tmp_path / 'nowhere.json'}: No such file or directory; name the root metadata that the owner gave",
    )
    no_root(founded)
    assert "1.root.json does not exist" in founded.verify().complaint


WRONG: dict[str, tuple[Callable[[Owner], Any], str]] = {
    "founded twice": (lambda at: at.init(), "holds a catalogue already; name another folder"),
    "no key": (
        lambda at: at.do("refresh"),
        "needs 1 of its 1 keys to sign, 0 at hand; name the keys' files or HSM keys",
    ),
    "absent key": (
        lambda at: at.do("refresh", *at.key("nowhere")),
        "cannot be read: No such file or directory; name the key's file",
    ),
    "readable key": (
        lambda at: (at.folder / "on.pem").chmod(0o644) or at.refresh(),
        "can be read by other users; run: chmod 600 ",
    ),
    "no key in it": (
        lambda at: (at.folder / "on.pem").write_text("x") and at.refresh(),
        "is no unencrypted private key in PEM",
    ),
    "the wrong key": (lambda at: at.do("refresh", *at.key("maker")), "0 at hand; name the keys' files"),
    "no days": (lambda at: at.refresh("--days", "timestamp"), "timestamp is no ROLE=DAYS; name one of "),
    "no role": (lambda at: at.refresh("--days", "maker=3"), "maker=3 is no ROLE=DAYS; name one of "),
    "added twice": (lambda at: at.add(), "give another image another version"),
    "the owner signs an image": (
        lambda at: at.do("add", at.folder / "old.bin", *at.key("t")),
        "manufacturer-10A8 needs 1 of its 1 keys to sign, 0 at hand",
    ),
    "another maker's image": (
        lambda at: at.add("old", "--manufacturer", "0B6B", "--model", "1"),
        "state its own model, or get the other's image",
    ),
    "an unlisted release": (
        lambda at: at.do("withdraw", *MODEL, "--version", "0102FFFF", *at.key("t")),
        "lists no release 10A8/00000011 0102FFFF; see 'reflash catalog list'",
    ),
    "too many signatures": (
        lambda at: at.do(
            *("delegate", "--manufacturer", "0B6B", "--maker-key", at.folder / "maker.pub.pem"),
            *("--image-key", at.folder / "image.pub.pem", "--maker-threshold", 2, *at.key("t")),
        ),
        "2 signatures of 1 keys cannot be had; name more keys or ask for fewer",
    ),
    "no image key": (
        lambda at: at.do(
            *("delegate", "--manufacturer", "0B6B", "--maker-key", at.folder / "maker.pub.pem"),
            *("--image-key", at.folder / "new.bin", *at.key("t")),
        ),
        "new.bin is no public key in PEM",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_use_is_told_in_one_line_and_changes_nothing(founded: Owner, what: str) -> None:
    act, says = WRONG[what]
    metadata = founded.folder / "catalogue" / "metadata"
    before = {path: path.read_bytes() for path in metadata.iterdir()}
    said = act(founded)
    assert says in said.refused
    assert {path: path.read_bytes() for path in metadata.iterdir()} == before


def test_a_plain_folder_is_signed_by_nobody(owner: Owner) -> None:
    (owner.folder / "catalogue").mkdir()
    assert "leave --key out" in owner.add().complaint
    assert owner.do("add", owner.folder / "new.bin").out == "added 10A8/00000011 0102012F\n"
    assert owner.verify().out == "every image is the one that was added\n"
    assert owner.verify("--root", owner.folder / "new.bin").complaint.endswith("so no root can vouch for it")


def test_keys_in_an_hsm_and_a_wrong_pin(
    owner: Owner, soft_hsm: SoftHsm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    soft_hsm.make_key("root", key_id=b"\7")
    monkeypatch.setenv("PYKCS11LIB", str(MODULE))
    key = f"hsm:7?label={TOKEN}"
    roles = [f"--{role}-key" for role in ("root", "targets", "snapshot", "timestamp")]
    keys = [part for role in roles for part in (role, key)]
    monkeypatch.delenv("REFLASH_HSM_PIN", raising=False)
    said = owner.do("init", *keys)
    assert "environment variable REFLASH_HSM_PIN is empty; put the PIN there" in said.refused
    monkeypatch.setenv("REFLASH_HSM_PIN", "wrong")
    said = owner.do("init", *keys)
    assert "its HSM refuses the PIN (PinIncorrect); give the right one; nothing was changed" in said.refused
    assert not (tmp_path / "catalogue" / "metadata").exists()
    monkeypatch.setenv("REFLASH_HSM_PIN", PIN)
    assert owner.do("init", *keys).code == 0
    soft_hsm.write_pin(PIN)
    monkeypatch.delenv("REFLASH_HSM_PIN")
    assert owner.do("refresh", "--key", key, "--pin-file", soft_hsm.pin_file).code == 0


CPL = "Maker,Model,Firmware Version,Manufacturer Image Hash,Status\n10A8,00000011,0102012F,{hash},{status}\n"


def test_the_central_products_list_holds_images_against_it(
    owner: Owner, tmp_path: Path, reflash: Any
) -> None:
    config = tmp_path / "station.toml"
    products = tmp_path / "products.json"
    config.write_text(
        'site = "s"\nstation = "b"\nmode = "bench"\nstate_directory = "/nowhere"\n'
        f'[catalogue]\nfolder = "/nowhere"\nproducts = "{products}"\n'
        'product_columns = { manufacturer = "Maker" }\n'
        '[unlock]\nkey_file = "/nowhere.pem"\n[[jigs]]\nname = "jig1"\nslots = { 1 = "/dev/ttyUSB0" }\n'
    )
    file = tmp_path / "cpl.csv"
    image_hash = hashlib.sha256((tmp_path / "new.bin").read_bytes()).hexdigest()
    assert [owner.init().code, owner.delegate().code, owner.add().code] == [0, 0, 0]
    file.write_text(CPL.format(hash=image_hash, status="Withdrawn"))
    said = reflash("catalog", "import-cpl", file, "--config", config)
    assert said.out == f"1 product imported into {products}\n"
    refused = owner.refresh("--products", products)
    assert refused.refused == (
        "the Central Products List has 10A8/00000011 0102012F as Withdrawn; withdraw the release"
    )
    file.write_text(CPL.format(hash=image_hash, status="Active"))
    assert reflash("catalog", "import-cpl", file, "--config", config, "--json").json["products"] == 1
    assert owner.refresh("--products", products).code == 0
    said = reflash("catalog", "import-cpl", file, "--products", products)
    assert "has no column Manufacturer" in said.refused
    assert reflash("catalog", "import-cpl", file).complaint.endswith("set catalogue.products")


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("station.cli; station.cli._asked_for(['--version'])", ["pydantic", "structlog", "asyncio"]),
        (
            "station.cli; station.cli.program(station.cli._asked_for(['run']))",
            ["station.cli.orders", "rich.live"],
        ),
        (
            "station.cli; station.cli.program()",
            ["tuf", "securesystemslib", "pkcs11", "cryptography.x509", "smp"],
        ),
        ("station.daemon.assembly", ["tuf", "securesystemslib", "pkcs11", "cryptography.x509", "pytest"]),
        ("drivers.conformance.plugin", ["pydantic", "asyncio", "drivers.hub", "drivers.conformance.suite"]),
    ],
)
def test_what_is_slow_to_import_is_not_before_it_is_needed(module: str, heavy: list[str]) -> None:
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
