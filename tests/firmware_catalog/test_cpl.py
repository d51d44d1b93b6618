from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_catalog.cpl import (
    CentralProductsList,
    ProductColumns,
    ProductStatus,
    import_products,
)
from firmware_catalog.errors import CatalogError, ImageHashMismatch, ProductNotActive, ProductsListError
from firmware_catalog.identity import DeviceModel, FirmwareVersion

MODEL = DeviceModel("10A3", "0BADCAFE")
VERSION = FirmwareVersion.parse("0002012F")
HASH = bytes(range(32))
HEADER = "Manufacturer,Model,Firmware Version,Manufacturer Image Hash,Status"
ROW = f"10A3,0BADCAFE,0002012F,{HASH.hex()},Active"


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    return tmp_path / "cpl.csv"


def imported(path: Path, *lines: str, columns: ProductColumns | None = None) -> CentralProductsList:
    path.write_text("\n".join(lines) + "\n")
    return import_products(path, columns or ProductColumns())


def test_a_listed_image_passes(csv_file: Path) -> None:
    imported(csv_file, HEADER, ROW).check(MODEL, VERSION, HASH)


def test_what_is_not_listed_as_it_is_does_not_pass(csv_file: Path) -> None:
    products = imported(
        csv_file,
        HEADER,
        ROW.replace("Active", "withdrawn"),
        ROW.replace(HASH.hex(), "AB" * 32),
    )
    with pytest.raises(ProductNotActive, match="as Withdrawn; withdraw the release"):
        products.check(MODEL, VERSION, HASH)
    products.check(MODEL, VERSION, bytes.fromhex("AB" * 32))
    with pytest.raises(ImageHashMismatch, match="the image has 00000000"):
        products.check(MODEL, VERSION, bytes(32))
    with pytest.raises(ProductNotActive, match="has no 10A3/0BADCAFE 00000001"):
        products.check(MODEL, FirmwareVersion(1), HASH)


def test_columns_are_mapped_and_others_ignored(csv_file: Path) -> None:
    columns = ProductColumns(
        manufacturer="Maker", model="Type", firmware_version="FW", image_hash="SHA", status="State"
    )
    csv_file.write_bytes(
        b"\xef\xbb\xbfState; no,SHA , fw,TYPE,maker,STATE\r\n"
        b'"x, y",0x' + HASH.hex().upper().encode() + b",0002012f,0BADCAFE,10A3,EXPIRED\r\n\r\n"
    )
    (product,) = import_products(csv_file, columns).products
    assert (product.model, product.version, product.status) == (MODEL, VERSION, ProductStatus.EXPIRED)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "has no column Manufacturer, Model"),
        ([HEADER.replace("Status", "State"), ROW], "has no column Status .*map the columns"),
        ([HEADER + ",status", ROW], "column Status more than once"),
        ([HEADER], "lists nothing"),
        ([HEADER, ROW, ROW], "is listed twice"),
        ([HEADER, ROW.replace("Active", "Fine")], "line 2: 'Fine' is no status"),
        ([HEADER, ROW.replace("0002012F", "2.1")], "line 2: '2.1' is no firmware version"),
        ([HEADER, ROW.replace(HASH.hex(), "00")], "line 2: '00' is no SHA-256"),
        ([HEADER, ROW.replace("10A3", "")], "line 2: '' names no manufacturer"),
        ([HEADER, "10A3"], "line 2: it has too few columns"),
        ([HEADER, *["x,,,,"] * 9], r"line 6: .*\(and 4 more\)"),
        ([HEADER, '"'], "is no CSV"),
    ],
)
def test_a_list_is_imported_whole_or_not_at_all(csv_file: Path, lines: list[str], says: str) -> None:
    with pytest.raises(ProductsListError, match=says) as caught:
        imported(csv_file, *lines)
    assert "\n" not in str(caught.value)


def test_a_list_that_cannot_be_read(csv_file: Path) -> None:
    with pytest.raises(ProductsListError, match="cannot be read"):
        import_products(csv_file, ProductColumns())
    csv_file.write_bytes(HEADER.encode("utf-16"))
    with pytest.raises(ProductsListError, match="not UTF-8"):
        import_products(csv_file, ProductColumns())


def test_an_imported_list_is_kept(csv_file: Path, tmp_path: Path) -> None:
    products = imported(csv_file, HEADER, ROW)
    path = tmp_path / "cpl.json"
    products.save(path)
    assert CentralProductsList.load(path) == products
    path.write_text("{}")
    with pytest.raises(ProductsListError, match="import-cpl"):
        CentralProductsList.load(path)
    with pytest.raises(ProductsListError, match="cannot be read"):
        CentralProductsList.load(tmp_path / "none.json")
    with pytest.raises(CatalogError, match="make the folder"):
        products.save(tmp_path / "none" / "cpl.json")
    path.unlink()
    path.mkdir()
    with pytest.raises(ProductsListError, match="cannot be written"):
        products.save(path)


def test_imports_at_once_come_one_after_the_other(csv_file: Path, tmp_path: Path) -> None:
    products = imported(csv_file, HEADER, ROW)
    path = tmp_path / "cpl.json"
    with ThreadPoolExecutor(8) as importers:
        for saved in [importers.submit(products.save, path) for _ in range(64)]:
            saved.result()
    assert CentralProductsList.load(path) == products
    assert {each.name for each in tmp_path.iterdir()} == {path.name, csv_file.name}


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda tail: HEADER.encode() + b"\n" + tail))
def test_hostile_bytes_are_refused_or_read(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "hostile.csv"
    path.write_bytes(data)
    try:
        line = str(len(import_products(path, ProductColumns()).products))
    except ProductsListError as error:
        line = str(error)
    assert "\n" not in line
