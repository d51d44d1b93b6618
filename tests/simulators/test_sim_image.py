from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imgtool import keys, version
from imgtool.image import Image, VerifyResult

from benches.processes import run
from benches.sim_bench import MANUFACTURER, MODEL, image, maker, tlv_hash
from simulators.firmware import FirmwareError, FirmwareSpec, make_firmware
from simulators.flash import FlashArea, FlashTiming, NorFlash
from simulators.image import TLV_MANUFACTURER, TLV_MODEL, NoImage, find_image, is_genuine, read_image
from simulators.keys import generate_key


def area(content: bytes) -> FlashArea:
    flash = NorFlash(4, timing=FlashTiming(0.0, 0.0))
    flash.program(0, content)
    return FlashArea(flash, 0, flash.size)


def test_reads_what_imgtool_wrote() -> None:
    file = image("3.4.513+6")
    stored = read_image(area(file))
    assert stored.version == (3, 4, 513, 6)
    assert stored.version_text == "3.4.513.6"
    assert stored.version_number == 0x03040201
    assert (stored.manufacturer, stored.model) == (MANUFACTURER, MODEL)
    assert stored.size == len(file)
    assert stored.image_hash == tlv_hash(file)
    assert stored.bootable
    assert is_genuine(area(file), stored, maker().public_key())
    assert not is_genuine(area(file), stored, generate_key().public_key())


def test_an_image_need_not_name_a_model() -> None:
    stored = read_image(area(make_firmware(FirmwareSpec("1.0.0", None, None, 100), maker())))
    assert (stored.manufacturer, stored.model) == (None, None)
    assert stored.version_text == "1.0.0"


def test_the_same_seed_gives_the_same_hash() -> None:
    spec = FirmwareSpec("1.0.0", MANUFACTURER, MODEL, 1000, seed=5)
    assert tlv_hash(make_firmware(spec, maker())) == tlv_hash(make_firmware(spec, maker()))


def test_a_version_that_imgtool_refuses_is_one_line() -> None:
    with pytest.raises(FirmwareError, match="'latest' is no image version"):
        make_firmware(FirmwareSpec("latest", None, None, 100), maker())


@given(data=st.data())
def test_genuine_means_what_imgtool_means_by_it(data: st.DataObject, tmp_path: Path) -> None:
    file = bytearray(image())
    # Past TLV values imgtool has no bounds checks, so cells are flipped up to the last TLV's header.
    at = data.draw(st.integers(0, len(file) - 80))
    file[at] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "image.bin"
    path.write_bytes(file)
    try:
        verdict = Image.verify(str(path), keys.ECDSA256P1(maker()))[0]
    except Exception:  # imgtool trips over damaged sizes
        verdict = None
    stored = find_image(area(bytes(file)))
    genuine = stored is not None and is_genuine(area(bytes(file)), stored, maker().public_key())
    if genuine:
        assert verdict is VerifyResult.OK
    elif verdict is VerifyResult.OK:
        # imgtool looks past a wrong key hash, which MCUboot, and so this boot loader, does not.
        assert stored is None or stored.key_hash != find_image(area(image())).key_hash


@given(st.binary(max_size=600))
def test_arbitrary_cells_are_an_image_or_none(content: bytes) -> None:
    find_image(area(content))


@given(st.binary(min_size=24, max_size=24), st.binary(max_size=200))
def test_arbitrary_fields_behind_the_magic_are_an_image_or_none(fields: bytes, rest: bytes) -> None:
    find_image(area(b"\x3d\xb8\xf3\x96" + fields + rest))


def test_an_erased_area_holds_no_image() -> None:
    with pytest.raises(NoImage):
        read_image(area(b""))


VERSIONS = st.builds(
    "{}.{}.{}{}".format,
    st.integers(0, 0xFF),
    st.integers(0, 0xFF),
    st.integers(0, 0xFFFF),
    st.one_of(st.just(""), st.integers(0, 0xFFFF_FFFF).map("+{}".format)),
)


@given(text=VERSIONS, model=st.one_of(st.none(), st.just(MODEL)), size=st.integers(1, 300))
def test_an_image_is_byte_for_byte_what_imgtool_makes(
    text: str, model: str | None, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ours = make_firmware(FirmwareSpec(text, model and MANUFACTURER, model, size), maker())
    folder = tmp_path_factory.mktemp("imgtool")
    (folder / "body.bin").write_bytes(ours[0x200 : 0x200 + size])
    theirs = Image(version=version.decode_version(text), header_size=0x200, pad_header=True)
    theirs.load(str(folder / "body.bin"))
    claims = {TLV_MANUFACTURER: MANUFACTURER.encode(), TLV_MODEL: MODEL.encode()} if model else None
    with contextlib.redirect_stdout(io.StringIO()):
        theirs.create(keys.ECDSA256P1(maker()), "hash", None, custom_tlvs=claims)
    theirs.save(str(folder / "image.bin"))
    made = (folder / "image.bin").read_bytes()
    stored = read_image(area(ours))
    assert stored.signature is not None
    # A signature is another each time, and its length may be, too; so may what counts it.
    upto = stored.hashed_size
    assert ours[:upto] == made[:upto]
    assert ours[upto : upto + 2] == made[upto : upto + 2]
    signature = upto + 4 + 36 + 36
    assert ours[upto + 4 : signature + 2] == made[upto + 4 : signature + 2]
    (folder / "ours.bin").write_bytes(ours)
    assert Image.verify(str(folder / "ours.bin"), keys.ECDSA256P1(maker()))[0] is VerifyResult.OK


@pytest.mark.parametrize("text", ["256.0.0", "0.256.0", "0.0.65536", "0.0.0+4294967296", "1.2", "1.2.3+", ""])
def test_a_version_that_no_header_holds_is_refused(text: str) -> None:
    with pytest.raises(FirmwareError, match="is no image version"):
        make_firmware(FirmwareSpec(text, None, None, 100), maker())


def test_imgtools_own_command_accepts_the_file(tmp_path: Path) -> None:
    from simulators.keys import save_public_key  # noqa: PLC0415

    save_public_key(maker().public_key(), tmp_path / "maker.pem")
    (tmp_path / "image.bin").write_bytes(image())
    command = [sys.executable, "-m", "imgtool.main", "verify", "--key", "maker.pem", "image.bin"]
    done = run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Image was correctly validated" in done.stdout
