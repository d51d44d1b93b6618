"""Where a maker's image keys are pinned, nothing else than an image that one of them signed is taken, anywhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from imgtool.keys import ECDSA256P1
from test_containers import FIRMWARE, MISPLACED, sub_elements, with_suffix
from tuf.api.metadata import Targets

from benches.ota_files import ota
from benches.signed_catalogues import MAKER, SignedCatalogue
from firmware_catalog.checks import ImageChecks, check_release_image
from firmware_catalog.errors import CatalogError, ImageNotByItsMaker
from firmware_catalog.identity import DeviceModel, FirmwareVersion
from firmware_catalog.new_release import Statement, read_new_release
from firmware_catalog.release import Release
from firmware_catalog.trust.draft import Draft, Lifetimes
from firmware_catalog.trust.facts import to_target
from firmware_catalog.trust.founding import delegate
from firmware_catalog.trust.names import image_file, image_path
from firmware_catalog.trust.publishing import refresh_catalog
from firmware_catalog.trust.releasing import add_signed_release

MODEL = DeviceModel(MAKER, "0BADCAFE")
STATEMENT = Statement(model=MODEL, version=FirmwareVersion.parse("0002012F"))
UNSIGNED = {
    "raw": lambda _: FIRMWARE,
    "raw in a DFU file": lambda _: with_suffix(FIRMWARE),
    "raw in an OTA file": lambda _: ota(FIRMWARE),
    "a signed image after a word, cut short": lambda image: ota(bytes(4) + image[:-1]),
}
"""What is no signed image, and what no other check refuses."""


@pytest.fixture
def catalogue(tmp_path: Path, imgtool_image) -> SignedCatalogue:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    return SignedCatalogue(folder, imgtool_image).found()


def write(folder: Path, data: bytes) -> Path:
    path = folder / "image"
    path.write_bytes(data)
    return path


def add(catalogue: SignedCatalogue, path: Path) -> Release:
    return add_signed_release(catalogue.folder, path, STATEMENT, catalogue.makers[MAKER].signers)


def sign_regardless(catalogue: SignedCatalogue, path: Path) -> Release:
    """A manufacturer whose tools look at nothing."""
    release, data = read_new_release(path, STATEMENT, image_file)
    role = f"manufacturer-{MAKER}"
    with Draft.editing(catalogue.folder, None) as draft:
        signed = Targets()
        path_of = to_target(release)
        signed.targets[path_of.path] = path_of
        authority = draft.targets().signed.get_delegated_role(role)
        draft.sign_next(role, signed, authority, catalogue.makers[MAKER].signers, Lifetimes().manufacturer)
        draft.put_image(image_path(release.model, release.version, release.image.sha256), data)
    return release


@pytest.mark.parametrize("name", UNSIGNED)
def test_what_is_no_signed_image_is_refused_at_add_publish_verify_and_load(
    catalogue: SignedCatalogue, tmp_path: Path, imgtool_image, name: str
) -> None:
    path = write(tmp_path, UNSIGNED[name](imgtool_image(key=catalogue.image_key)))
    with pytest.raises(
        ImageNotByItsMaker, match=f"only signed ones of manufacturer {MAKER} are taken"
    ) as caught:
        add(catalogue, path)
    assert "\n" not in str(caught.value)
    release = sign_regardless(catalogue, path)
    with pytest.raises(ImageNotByItsMaker):
        catalogue.publish()
    # Published by an owner who had no keys pinned then: pinned now, stations refuse it.
    signers = catalogue.targets.signers
    keys = catalogue.makers[MAKER].keys
    delegate(catalogue.folder, MAKER, keys, [], signers)
    refresh_catalog(catalogue.folder, catalogue.online.signers)
    assert catalogue.station(name="without keys").refresh().verify() == ()
    delegate(catalogue.folder, MAKER, keys, [catalogue.image_public_key], signers)
    refresh_catalog(catalogue.folder, catalogue.online.signers)
    served = catalogue.station().refresh()
    (problem,) = served.verify()
    assert isinstance(problem, ImageNotByItsMaker)
    with pytest.raises(ImageNotByItsMaker):
        served.load(release)


@pytest.mark.parametrize("name", MISPLACED)
def test_a_signature_is_not_taken_for_one_over_what_lies_around_the_image(
    catalogue: SignedCatalogue, tmp_path: Path, imgtool_image, name: str
) -> None:
    path = write(tmp_path, MISPLACED[name][0](imgtool_image(key=catalogue.image_key)))
    with pytest.raises(CatalogError):
        add(catalogue, path)
    assert not list((catalogue.folder / "metadata").glob("*.manufacturer-*.json"))


@pytest.mark.parametrize("wrap", [bytes, ota, with_suffix])
def test_a_signed_image_is_taken_in_each_of_its_wrappings(
    catalogue: SignedCatalogue, tmp_path: Path, imgtool_image, wrap
) -> None:
    image = imgtool_image(key=catalogue.image_key)
    release = add(catalogue, write(tmp_path, wrap(image)))
    catalogue.publish()
    served = catalogue.station().refresh()
    assert served.verify() == ()
    assert served.load(release).data == image
    shutil.rmtree(catalogue.folder / "targets")
    assert served.verify() == ()  # kept


@pytest.mark.parametrize("wrap", [bytes, ota, with_suffix])
def test_another_makers_signature_is_none(
    catalogue: SignedCatalogue, tmp_path: Path, imgtool_image, wrap
) -> None:
    path = write(tmp_path, wrap(imgtool_image(key=ECDSA256P1.generate())))
    with pytest.raises(ImageNotByItsMaker, match="not signed by any key"):
        add(catalogue, path)


def test_a_maker_without_image_keys_has_no_mcuboot_image_taken(tmp_path: Path, imgtool_image) -> None:
    for data, passes in (
        (FIRMWARE, True),
        (ota(FIRMWARE), True),
        (imgtool_image(), False),
        (ota(imgtool_image()), False),
    ):
        release, read = read_new_release(write(tmp_path, data), STATEMENT, image_file)
        for keys in ({}, {MAKER: ()}):
            if passes:
                assert check_release_image(read, release, "here", ImageChecks(keys)).data in data
            else:
                with pytest.raises(ImageNotByItsMaker):
                    check_release_image(read, release, "here", ImageChecks(keys))


def test_sub_elements_hide_no_image_from_its_key(
    catalogue: SignedCatalogue, tmp_path: Path, imgtool_image
) -> None:
    """Cut short and with bytes after it, the image in them is found by no mark: the key is asked for all the same."""
    image = imgtool_image(key=catalogue.image_key)
    with pytest.raises(ImageNotByItsMaker, match="from its first byte on"):
        add(catalogue, write(tmp_path, ota(sub_elements(image[:-40]) + b"\0")))
