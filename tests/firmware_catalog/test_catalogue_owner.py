"""The owner's side: founding, threshold root keys, delegating, publishing, and what a crash leaves behind."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Targets

from benches.signed_catalogues import MAKER, OTHER_MAKER, Party, SignedCatalogue, in_days
from firmware_catalog.cpl import CentralProductsList, Product, ProductStatus
from firmware_catalog.errors import (
    CatalogBusy,
    CatalogError,
    ImageHashMismatch,
    ImageUnavailable,
    ProductNotActive,
)
from firmware_catalog.identity import DeviceModel, FirmwareVersion
from firmware_catalog.locking import locked
from firmware_catalog.release import ANY_LOWER, ImageReference, Release, ReleaseStatus
from firmware_catalog.trust import draft, publishing
from firmware_catalog.trust.delegations import manufacturers
from firmware_catalog.trust.draft import Draft, Lifetimes
from firmware_catalog.trust.errors import (
    CatalogExpired,
    CatalogUntrusted,
    RepositoryFault,
    SignaturesMissing,
    SigningKeyError,
)
from firmware_catalog.trust.facts import from_target, to_target
from firmware_catalog.trust.founding import delegate, found_catalog, revoke, rotate_root
from firmware_catalog.trust.names import image_file
from firmware_catalog.trust.signing import (
    RoleKeys,
    create_key_file,
    load_public_key,
    load_signer,
    public_path_of,
)

MODEL = DeviceModel(MAKER, "0BADCAFE")


@pytest.fixture
def catalogue(tmp_path: Path, imgtool_image) -> SignedCatalogue:
    return SignedCatalogue(tmp_path / "catalogue", imgtool_image).found()


def no_pin() -> str:
    raise AssertionError("no HSM is asked here")


def test_founding_needs_every_role_and_enough_keys(tmp_path: Path, imgtool_image) -> None:
    catalogue = SignedCatalogue(tmp_path / "catalogue", imgtool_image)
    some = {role: keys for role, keys in catalogue.owner_keys.items() if role != "snapshot"}
    with pytest.raises(RepositoryFault, match="no key is named for snapshot"):
        found_catalog(catalogue.folder, some, catalogue.owner_signers)
    with pytest.raises(SignaturesMissing, match="root needs 2 of its 3 keys to sign, 1 at hand"):
        found_catalog(catalogue.folder, catalogue.owner_keys, catalogue.root.signers[:1])
    assert not (catalogue.folder / "metadata").exists()
    root = found_catalog(catalogue.folder, catalogue.owner_keys, catalogue.owner_signers)
    assert root.read_bytes() == catalogue.trusted_root()
    with pytest.raises(RepositoryFault, match="holds a catalogue already"):
        found_catalog(catalogue.folder, catalogue.owner_keys, catalogue.owner_signers)


def test_role_keys_are_different_keys_and_enough() -> None:
    key = CryptoSigner.generate_ecdsa().public_key
    with pytest.raises(SigningKeyError, match="named twice"):
        RoleKeys((key, key), 2)
    for threshold in (0, 2):
        with pytest.raises(SigningKeyError, match="cannot be had"):
            RoleKeys((key,), threshold)


def test_root_keys_are_replaced_by_enough_of_the_old_ones(catalogue: SignedCatalogue) -> None:
    station = catalogue.station()
    release = catalogue.add("0.1.0")
    catalogue.publish()
    station.refresh()
    new, old = Party.of(3, 2), catalogue.root
    with pytest.raises(SignaturesMissing, match="root needs 2 of its 3 keys to sign, 1 at hand"):
        rotate_root(
            catalogue.folder,
            {"root": new.keys},
            [old.signers[0], *new.signers, *catalogue.online.signers],
        )
    kept = Party([old.signers[0], *new.signers[:2]], 2)
    signers = [*old.signers[:2], kept.signers[1], *catalogue.online.signers]
    assert rotate_root(catalogue.folder, {"root": kept.keys}, signers) == 2
    assert station.refresh().latest(MODEL) == release
    with pytest.raises(SignaturesMissing):
        rotate_root(catalogue.folder, {}, [*old.signers, *catalogue.online.signers])
    assert rotate_root(catalogue.folder, {}, [*kept.signers, *catalogue.online.signers]) == 3
    assert station.refresh().latest(MODEL) == release
    started_afresh = catalogue.station(name="another")
    assert started_afresh.refresh().latest(MODEL) == release


def test_every_key_of_the_owner_can_be_replaced_at_once(catalogue: SignedCatalogue) -> None:
    station = catalogue.station()
    station.refresh()
    old = catalogue.owner_signers
    catalogue.root, catalogue.targets, catalogue.online = Party.of(1), Party.of(1), Party.of(1)
    rotate_root(catalogue.folder, catalogue.owner_keys, [*old, *catalogue.owner_signers])
    release = catalogue.add("0.1.0")
    catalogue.publish()
    assert station.refresh().latest(MODEL) == release
    with pytest.raises(RepositoryFault, match="no role manufacturer"):
        rotate_root(catalogue.folder, {"manufacturer": Party.of(1).keys}, old)


def test_a_maker_gets_other_keys(catalogue: SignedCatalogue) -> None:
    release = catalogue.add("0.1.0")
    catalogue.publish()
    new = Party.of(2, 2)
    images = [catalogue.image_public_key]
    with pytest.raises(SignaturesMissing, match=f"manufacturer-{MAKER} needs 2"):
        delegate(catalogue.folder, MAKER, new.keys, images, catalogue.targets.signers)
    delegate(catalogue.folder, MAKER, new.keys, images, [*catalogue.targets.signers, *new.signers])
    catalogue.publish()
    assert catalogue.station().refresh().latest(MODEL) == release
    with pytest.raises(SignaturesMissing):
        catalogue.add("0.2.0")


def test_a_revoked_maker_is_gone(catalogue: SignedCatalogue) -> None:
    catalogue.add("0.1.0")
    other = catalogue.add("0.1.0", OTHER_MAKER)
    catalogue.publish()
    station = catalogue.station()
    assert len(station.refresh().models()) == 2
    revoke(catalogue.folder, MAKER, catalogue.targets.signers)
    catalogue.publish()
    assert station.refresh().models() == (other.model,)
    with pytest.raises(RepositoryFault, match="delegates nothing"):
        revoke(catalogue.folder, MAKER, catalogue.targets.signers)


def test_names_that_would_lead_elsewhere_stay_in_their_place(catalogue: SignedCatalogue) -> None:
    for name in ("../..", "*", "A/B", ".", "%2e%2e", "A B", "manufacturer"):
        party = catalogue.makers[name] = Party.of(1)
        delegate(catalogue.folder, name, party.keys, [catalogue.image_public_key], catalogue.targets.signers)
        if "/" not in name:  # the helper's own files cannot be called so
            catalogue.add("0.1.0", name)
    catalogue.publish()
    served = catalogue.station().refresh()
    assert {model.manufacturer for model in served.models()} == {"*", ".", "%2e%2e", "A B", "manufacturer"}
    assert served.verify() == ()
    assert all(catalogue.folder in path.resolve().parents for path in catalogue.folder.rglob("*.bin"))
    with pytest.raises(RepositoryFault, match="differs from A B only in case"):
        delegate(catalogue.folder, "a b", Party.of(1).keys, [], catalogue.targets.signers)


def test_images_are_checked_before_they_are_published(catalogue: SignedCatalogue) -> None:
    catalogue.add("0.1.0")
    (path,) = (catalogue.folder / "targets").rglob("*.bin")
    path.unlink()
    with pytest.raises(ImageUnavailable, match="does not exist"):
        catalogue.publish()


def test_the_products_list_has_a_word(catalogue: SignedCatalogue) -> None:
    release = catalogue.add("0.1.0")

    def listed(**change: object) -> CentralProductsList:
        facts = {
            "model": MODEL,
            "version": release.version,
            "image_hash": release.manufacturer_image_hash,
            "status": ProductStatus.ACTIVE,
        }
        return CentralProductsList(products=(Product(**facts | change),))

    with pytest.raises(ProductNotActive, match="has no 10A3"):
        catalogue.publish(products=CentralProductsList(products=()))
    with pytest.raises(ProductNotActive, match="as Expired"):
        catalogue.publish(products=listed(status="Expired"))
    with pytest.raises(ImageHashMismatch):
        catalogue.publish(products=listed(image_hash="0" * 64))
    catalogue.publish(products=listed())


def test_metadata_that_is_over_or_unsigned_is_not_published(catalogue: SignedCatalogue) -> None:
    catalogue.add("0.1.0")
    with pytest.raises(CatalogExpired, match="root metadata expired"):
        catalogue.publish(now=in_days(400))
    delegate(
        catalogue.folder,
        MAKER,
        catalogue.makers[MAKER].keys,
        [],
        catalogue.targets.signers,
        now=in_days(-400),
    )
    with pytest.raises(CatalogExpired, match=r"targets metadata expired.*with the keys of targets"):
        catalogue.publish()


def test_what_is_half_over_is_signed_anew_where_the_keys_are_at_hand(catalogue: SignedCatalogue) -> None:
    catalogue.add("0.1.0")
    catalogue.online.signers += [*catalogue.targets.signers, *catalogue.makers[MAKER].signers]
    catalogue.publish(now=in_days(200))
    metadata = catalogue.folder / "metadata"
    assert (metadata / f"2.manufacturer-{MAKER}.json").exists()
    assert len(list(metadata.glob("*.targets.json"))) == 4


def test_a_forged_makers_file_is_not_published(catalogue: SignedCatalogue) -> None:
    catalogue.add("0.1.0")
    metadata = catalogue.folder / "metadata"
    path = metadata / f"1.manufacturer-{MAKER}.json"
    path.write_bytes(path.read_bytes().replace(b"any_lower", b"any_Lower"))
    with pytest.raises(CatalogUntrusted, match="not signed by enough of its keys"):
        catalogue.publish()
    path.write_bytes(b"{")
    with pytest.raises(RepositoryFault, match="restore it from a copy"):
        catalogue.publish()
    shutil.copy(metadata / "1.root.json", path)
    with pytest.raises(RepositoryFault, match="is root metadata"):
        catalogue.publish()


def test_a_folder_without_a_catalogue(tmp_path: Path, imgtool_image) -> None:
    catalogue = SignedCatalogue(tmp_path, imgtool_image)
    with pytest.raises(RepositoryFault, match="reflash catalog init"):
        catalogue.publish()
    with pytest.raises(CatalogError, match="cannot be opened"):
        SignedCatalogue(tmp_path / "none", imgtool_image).publish()


def test_a_change_that_dies_before_the_timestamp_never_happened(
    catalogue: SignedCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = catalogue.add("0.1.0")
    catalogue.publish()
    station = catalogue.station()
    station.refresh()
    catalogue.withdraw(release, catalogue.targets)
    written = []

    def dies(path: Path, data: bytes) -> None:
        if path.name == "timestamp.json":
            raise OSError(28, "No space left on device")
        written.append(path.name)
        path.write_bytes(data)

    with monkeypatch.context() as patched:
        patched.setattr(draft, "replace_file", dies)
        with pytest.raises(CatalogError, match="No space left on device; the catalogue is as it was"):
            catalogue.publish()
    assert written == ["3.snapshot.json"]
    assert station.refresh().latest(MODEL) == release
    catalogue.publish()
    assert station.refresh().releases(MODEL)[0].status is ReleaseStatus.WITHDRAWN


def test_one_editor_at_a_time(catalogue: SignedCatalogue) -> None:
    with locked(catalogue.folder), pytest.raises(CatalogBusy):
        catalogue.publish()


def test_keys_lie_in_files_that_only_their_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "root-1.pem"
    made = create_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    signer = load_signer(str(path), no_pin)
    assert signer.public_key.keyid == made.public_key.keyid
    assert load_public_key(public_path_of(path)).keyid == made.public_key.keyid
    with pytest.raises(SigningKeyError, match="never written over"):
        create_key_file(path)
    path.chmod(0o640)
    with pytest.raises(SigningKeyError, match="chmod 600"):
        load_signer(str(path), no_pin)
    with pytest.raises(SigningKeyError, match="cannot be read"):
        load_signer(str(tmp_path / "none.pem"), no_pin)
    with pytest.raises(SigningKeyError, match="cannot be read"):
        load_public_key(tmp_path / "none.pem")
    path.write_text("nonsense")
    path.chmod(0o600)
    with pytest.raises(SigningKeyError, match="no unencrypted private key"):
        load_signer(str(path), no_pin)
    with pytest.raises(SigningKeyError, match="no public key"):
        load_public_key(path)


def test_keys_of_other_kinds_sign_too(tmp_path: Path) -> None:
    path = tmp_path / "rsa.pem"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    signer = load_signer(str(path), no_pin)
    signer.public_key.verify_signature(signer.sign(b"x"), b"x")


def test_a_release_goes_into_a_target_and_back(catalogue: SignedCatalogue) -> None:
    release = catalogue.add("0.2.303", hardware_versions=("A",), notes="größer — better")
    assert from_target(to_target(release), "any") == release


def test_a_thousand_releases_cost_no_more_each_than_a_hundred(
    tmp_path: Path, imgtool_image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seconds_of(count: int) -> float:
        folder = tmp_path / str(count) / "catalogue"
        folder.mkdir(parents=True)
        return seconds_to_publish_and_refresh(
            SignedCatalogue(folder, imgtool_image).found(), count, monkeypatch
        )

    # Ten times as many: were each compared with each, a hundred times as long.
    assert seconds_of(1000) < 25 * seconds_of(100)


def seconds_to_publish_and_refresh(
    catalogue: SignedCatalogue, count: int, monkeypatch: pytest.MonkeyPatch
) -> float:
    sha256 = "ab" * 32
    with Draft.editing(catalogue.folder) as editing:
        (maker,) = (each for each in manufacturers(editing.targets().signed) if each.name == MAKER)
        targets = Targets()
        for number in range(count):
            stated = FirmwareVersion(number)
            release = Release(
                model=MODEL,
                version=stated,
                status=ReleaseStatus.PRODUCTION,
                permitted_from=ANY_LOWER,
                image=ImageReference(file=image_file(stated, sha256), sha256=sha256, size=1_000_000),
                notes="n" * 100,
            )
            target = to_target(release)
            targets.targets[target.path] = target
        editing.sign_next(
            maker.role.name, targets, maker.role, catalogue.makers[MAKER].signers, Lifetimes().manufacturer
        )
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "read_release_image", lambda *_: None)
        catalogue.publish()
    began = time.process_time()
    catalogue.publish()
    served = catalogue.station().refresh()
    took = time.process_time() - began
    assert len(served.releases(MODEL)) == count
    assert served.latest(MODEL).version == FirmwareVersion(count - 1)
    return took
