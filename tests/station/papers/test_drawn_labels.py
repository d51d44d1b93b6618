"""Labels: what a printer is sent and what a page shows, read back by programs that nobody here wrote."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pypdfium2
import pytest
import zplkit
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from zplkit.parse import parse

from station.packing.codes import Package, PackageCode
from station.papers.label import Bars, Media, PackageLabel, Text, drawing
from station.papers.pdf import label_pdf, list_pdf
from station.papers.spreadsheet import csv_list
from station.papers.sscc import SsccError, SsccRange, check_digit, printed, read_sscc
from station.papers.zpl import escaped, zpl

GOLDEN = Path(__file__).parent / "golden"
RANGE = SsccRange(company_prefix="0614141", extension_digit=1)
CARTON = PackageLabel(
    code=PackageCode(Package.CARTON, 123),
    sscc=RANGE.sscc(PackageCode(Package.CARTON, 123)),
    order="WO-2031",
    owner="PARTY ^XZ~JA_5E",
    hubs=16,
    model="10A8 / 00000011",
    variant="DBCH",
    firmware="0102012F",
)
PALLET = replace(CARTON, code=PackageCode(Package.PALLET, 7), sscc=None, hubs=896, cartons=56)
FULL = replace(CARTON, **dict.fromkeys(("order", "owner", "variant"), "W" * 100))
TEXT = st.text(st.characters(codec="utf-8"), max_size=40) | st.text("^~_\\>\x00\n ;é\U0001f600", max_size=20)


def read_back(image: Image.Image) -> set[tuple[str, str]]:
    return {(each.text, each.symbology_identifier) for each in zxingcpp.read_barcodes(image.convert("L"))}


@pytest.mark.parametrize(
    ("name", "label", "media", "copy"),
    [
        ("carton-203", CARTON, Media(), 0),
        ("carton-copy-300", CARTON, Media(dots_per_inch=300), 2),
        ("pallet-203", PALLET, Media(), 0),
        ("full-300", FULL, Media(dots_per_inch=300, width_mm=95), 12),
    ],
)
def test_a_label_is_these_bytes_and_others_read_it_as_it_is_meant(
    name: str, label: PackageLabel, media: Media, copy: int
) -> None:
    elements = drawing(label, media, copy)
    for_printer = zpl(elements, media)
    assert for_printer == (GOLDEN / f"{name}.zpl").read_bytes()
    (*others, bars) = [element for element in elements if isinstance(element, Bars)]
    meant = {(str(label.code), "]C0")}
    if label.sscc is None:
        assert "Internal number of this bench, no SSCC" in for_printer.decode()
    else:
        meant.add((f"(00){label.sscc}", "]C1"))
        assert 0.495 <= media.module_mm <= 0.94
        assert bars.height >= 31.75
        quiet = 10 * media.module_mm
        assert quiet <= bars.x <= media.width_mm - quiet - 156 * media.module_mm + 0.01
    for symbol in (*others, bars):
        above = [element for element in elements if element.y < symbol.y]
        assert max(element.y + element.height for element in above) <= symbol.y, "nothing stands in the bars"
    width, height = media.dots(media.width_mm), media.dots(media.height_mm)
    options = zplkit.Options(profile="zd621", width=width, height=height, dpi=media.dots_per_inch)
    (printed_label,) = zplkit.render(for_printer, options).labels
    assert read_back(Image.open(io.BytesIO(printed_label.png()))) == meant

    document = pypdfium2.PdfDocument(label_pdf(elements, media))
    (page,) = document
    assert read_back(page.render(scale=3).to_pil()) == meant
    shown = page.get_textpage().get_text_bounded().split()
    assert " ".join(shown) == " ".join(element.text for element in elements if isinstance(element, Text))
    document.close()


@given(TEXT)
def test_no_text_ends_its_field_or_begins_a_command(text: str) -> None:
    written = escaped(text)
    assert re.fullmatch(r"(?:[A-Za-z0-9 .,:;()/+-]|_[0-9A-F]{2})*", written)
    back = re.sub(rb"_(..)", lambda found: bytes.fromhex(found[1].decode()), written.encode())
    assert back.decode() == text
    of_text = replace(CARTON, order=text, owner=text, model=text, variant=text)
    elements = drawing(of_text, Media())
    commands = [each.data for each in parse(zpl(elements, Media())).elements if each.kind == "format_command"]
    assert len(commands) == 6 + 5 * len(elements)
    for line in elements[1:-4]:
        assert len(line.text) * line.height * 0.95 <= Media().width_mm - 8


@given(
    st.from_regex(r"[0-9]{4,12}", fullmatch=True),
    st.integers(0, 9),
    st.integers(0, 10**6),
    st.sampled_from(Package),
    st.integers(1, 10**7 - 1),
)
def test_each_number_has_an_sscc_of_its_own_or_none(
    prefix: str, extension: int, first: int, package: Package, number: int
) -> None:
    numbers = SsccRange(company_prefix=prefix, extension_digit=extension, serials_from=first)
    code = PackageCode(package, number)
    if 2 * number + (package is Package.PALLET) + first >= 10 ** (16 - len(prefix)):
        with pytest.raises(SsccError, match="no SSCC is left"):
            numbers.sscc(code)
        return
    sscc = numbers.sscc(code)
    assert numbers.package_of(sscc) == code
    assert sscc.startswith(f"{extension}{prefix}")
    for scanned in (f"00{sscc}", f"]C100{sscc}", f"(00){sscc}\n"):
        assert read_sscc(scanned) == sscc
    assert read_sscc(str(code)) is None
    for place in range(18):
        wrong = sscc[:place] + str((int(sscc[place]) + 1) % 10) + sscc[place + 1 :]
        with pytest.raises(SsccError, match="a digit of this SSCC is wrong"):
            read_sscc(f"00{wrong}")


def test_the_sscc_that_the_standards_give_as_an_example() -> None:
    assert check_digit("10614141234567890") == "8"
    assert printed("106141412345678908") == "(00) 106141412345678908"
    assert SsccRange(company_prefix="0614142").package_of("106141412345678908") is None
    assert (
        SsccRange(company_prefix="0614141", extension_digit=1, serials_from=1234567891).package_of(
            "106141412345678908"
        )
        is None
    )


@given(st.lists(st.lists(TEXT, min_size=2, max_size=2), max_size=4))
def test_no_field_of_a_list_is_a_formula(rows: list[list[str]]) -> None:
    content = csv_list(("hub", "party"), rows)
    assert content.startswith(b"\xef\xbb\xbfhub,party\r\n")
    back = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))[1:]
    for fields, kept in zip(rows, back, strict=True):
        assert [each.removeprefix("'") for each in kept] == [each.removeprefix("'") for each in fields]
        assert not any(
            each.lstrip(" ")[:1] in {*"=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"} - {""} for each in kept
        )


def test_a_list_of_a_pallet_has_its_headings_on_every_page() -> None:
    rows = [[f"88-73-84-00-00-00-{number // 256:02X}-{number % 256:02X}", "<b>&"] for number in range(896)]
    document = pypdfium2.PdfDocument(list_pdf("Pallet <i>", ["Order WO-1 & more"], ("CHF", "Party"), rows))
    pages = [page.get_textpage().get_text_bounded() for page in document]
    document.close()
    assert pages[0].startswith("Pallet <i>")
    assert "Order WO-1 & more" in pages[0]
    assert len(pages) > 10
    assert all("CHF" in page for page in pages)
    assert sum(page.count("88-73-84") for page in pages) == 896
    assert "<b>&" in pages[-1]
