"""Order files, images and catalogues that cannot be used: one line a fault, and nothing of them is taken."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benches.station_bench import Bench, StockHub, order_csv, version
from benches.station_config import write_config
from firmware_catalog.identity import Eui64


@pytest.fixture
def config(bench: Bench, tmp_path: Path) -> Path:
    settings = bench.settings(tmp_path / "state", {"jig1": [1], "jig2": [1]})
    return write_config(tmp_path / "station.toml", settings)


HUBS = [StockHub(Eui64(2 * number), Eui64(2 * number + 1), "old") for number in range(1, 4)]
GOOD = order_csv(*HUBS)


def without(column: str) -> bytes:
    rows = [line.split(",") for line in GOOD.decode().splitlines()]
    at = rows[0].index(column)
    return "\n".join(",".join(row[:at] + row[at + 1 :]) for row in rows).encode()


def cut_last_field() -> bytes:
    return GOOD.rstrip().rpartition(b",")[0]


BAD_ORDERS: dict[str, tuple[bytes, str]] = {
    "malformed id": (
        GOOD.replace(b"-02,", b"-0X,", 1),
        "line 2: chf_id: '00-00-00-00-00-00-00-0X' is no EUI-64",
    ),
    "duplicate": (
        GOOD + GOOD.splitlines(keepends=True)[1],
        "line 5: 00-00-00-00-00-00-00-02 as CHF is already on line 2 as CHF",
    ),
    "unknown status": (
        order_csv(HUBS[0], inventory_status="Waiting"),
        "line 2: inventory_status: 'Waiting' is no inventory status (Pending, ",
    ),
    "missing column": (without("model"), "line 1: no column model"),
    "wrong column": (
        GOOD.replace(b"gpf_id", b"gas_id"),
        "line 1: no column gpf_id; not understood: 'gas_id'",
    ),
    "no order number": (
        without("order_number"),
        "line 1: there is no column order_number, and no order number was given for the file",
    ),
    "a line too short": (cut_last_field(), "line 4: 9 fields under 10 headings"),
    "two orders": (
        GOOD.replace(b"WO-1", b"WO-2", 1),
        "line 3: order_number: 'WO-1' where the order is 'WO-2'",
    ),
    "not UTF-8": (GOOD.replace(b"PARTY", b"P\xc4RTY", 1), "line 2: byte 0xc4 is not UTF-8"),
    "empty": (b"", "line 1: the file is empty"),
    "an image": (b"\x3d\xb8\xf3\x96\x00\x00", "line 1: byte 0xb8 is not UTF-8"),
}


@pytest.mark.parametrize("what", BAD_ORDERS)
def test_a_bad_order_is_refused_with_its_line_and_nothing_is_imported(
    config: Path, tmp_path: Path, reflash: Any, what: str
) -> None:
    content, says = BAD_ORDERS[what]
    file = tmp_path / "WO-1.csv"
    file.write_bytes(content)
    said = reflash("orders", "import", file, "--config", config)
    assert said.code == 2
    assert not said.out
    first = said.err.splitlines()[0]
    assert first.startswith("reflash: WO-1.csv: ")
    assert says in first
    assert said.err.rstrip().endswith("nothing was imported: correct the file and import it again")
    assert reflash("orders", "import", tmp_path / "no.csv", "--config", config).complaint == (
        f"{tmp_path / 'no.csv'}: No such file or directory; name the order's CSV file"
    )


def test_a_file_that_a_person_names_is_told_in_one_line_whatever_its_name_leads_to(
    config: Path, tmp_path: Path, reflash: Any
) -> None:
    loop, nobody = tmp_path / "loop", f"{tmp_path}/\udcff.csv"
    loop.symlink_to(loop)
    asked = (
        ("orders", "import", loop, "--config", config),
        ("flash", "--port", "/dev/null", "--image", loop, "--config", config),
        ("flash", "--usb", "1-1", "--image", loop, "--config", config),
        ("catalog", "add", "--dir", tmp_path / "catalogue", loop),
        ("orders", "import", nobody, "--config", config),
        ("orders", "close", "WO-1", "--reason", "\udcff", "--config", config),
    )
    for arguments in asked:
        said = reflash(*arguments)
        assert said.code == 2, said
        assert str(loop) in said.complaint or "is not UTF-8" in said.complaint


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old mac"])
def test_a_byte_order_mark_and_any_line_ends_are_taken(
    config: Path, tmp_path: Path, reflash: Any, end: str
) -> None:
    file = tmp_path / "WO-1.csv"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.replace(b"\r\n", end.encode()))
    said = reflash("orders", "import", file, "--config", config, "--jig", "jig1", "--json")
    assert said.json == {"order": "WO-1", "hubs": 3, "new": True, "jigs": ["jig1"]}


@pytest.mark.proofs
def test_a_hundred_thousand_hubs_are_imported(config: Path, tmp_path: Path, reflash: Any) -> None:
    heading, line, *_ = GOOD.decode().splitlines()
    order, _, _, *rest = line.split(",")
    lines = (
        ",".join([order, f"{2 * number:016X}", f"{2 * number + 1:016X}", *rest]) for number in range(100_000)
    )
    file = tmp_path / "WO-1.csv"
    file.write_text("\n".join([heading, *lines]))
    said = reflash("orders", "import", file, "--config", config)
    assert said.out == "order WO-1 imported: 100000 hubs\n"


def test_an_order_is_not_given_to_a_jig_that_is_not_there(config: Path, tmp_path: Path, reflash: Any) -> None:
    file = tmp_path / "WO-1.csv"
    file.write_bytes(GOOD)
    said = reflash("orders", "import", file, "--config", config, "--jig", "jig9")
    assert said.refused == "there is no jig jig9; the configuration knows jig1, jig2"
    assert reflash("orders", "import", file, "--config", config).code == 0
    said = reflash("orders", "assign", "WO-9", "--jig", "jig1", "--config", config)
    assert said.refused.startswith("there is no order WO-9")
    assert reflash("orders", "assign", "WO-1", "--jig", "jig1", "--config", config).code == 0
    # A jig that works on another order is not taken from it without a word.
    file.write_bytes(order_csv(StockHub(Eui64(8), Eui64(9), "old"), order="WO-2"))
    for what in ("imported: 1 hub, on jig1 instead of WO-1", "was imported before: 1 hub, on jig1"):
        assert (
            reflash("orders", "import", file, "--jig", "jig1", "--config", config).out
            == f"order WO-2 {what}\n"
        )


def truncated(image: bytes) -> bytes:
    return image[: len(image) // 2]


def changed(image: bytes) -> bytes:
    return image[:5000] + bytes([image[5000] ^ 1]) + image[5001:]


BAD_IMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated": (truncated, "is cut short"),
    "wrong hash": (changed, "SHA-256"),
    "no image": (lambda _: b"no image at all", "no MCUboot image"),
    "empty": (lambda _: b"", "no MCUboot image"),
}


@pytest.mark.parametrize("what", BAD_IMAGES)
@pytest.mark.parametrize("command", ["catalog add", "flash"])
def test_a_bad_image_gets_into_no_catalogue_and_into_no_hub(
    bench: Bench, config: Path, tmp_path: Path, reflash: Any, what: str, command: str
) -> None:
    spoil, says = BAD_IMAGES[what]
    image = tmp_path / "hub.bin"
    image.write_bytes(spoil(bench.firmware("new").read_bytes()))
    folder = tmp_path / "catalogue"
    folder.mkdir()
    if command == "flash":
        said = reflash("flash", "--image", image, "--port", "/dev/null", "--config", config)
    else:
        said = reflash("catalog", "add", image, "--dir", folder)
    assert said.refused.startswith(str(image))
    assert says in said.complaint
    assert "; " in said.complaint  # what to do next
    assert not list(folder.iterdir())


def test_an_image_for_another_model_is_not_added_as_this_one(
    bench: Bench, tmp_path: Path, reflash: Any
) -> None:
    image = bench.firmware("chained-new")
    said = reflash(
        *("catalog", "add", image, "--dir", tmp_path, "--manufacturer", "10A8", "--model", "00000011")
    )
    assert said.refused == (
        f"{image} is for model 10A8/00000022, not 10A8/00000011; state its own model, or get the other's image"
    )


def test_a_catalogue_file_that_does_not_match_its_pin_is_named(
    bench: Bench, tmp_path: Path, reflash: Any
) -> None:
    assert reflash("catalog", "add", bench.firmware("new"), "--dir", tmp_path).code == 0
    assert reflash("catalog", "verify", "--dir", tmp_path).out == "every image is the one that was added\n"
    (image,) = tmp_path.glob("*.bin")
    image.write_bytes(changed(image.read_bytes()))
    assert image.name in reflash("catalog", "verify", "--dir", tmp_path).failed
    as_json = reflash("catalog", "verify", "--dir", tmp_path, "--json")
    assert as_json.code == 1
    assert image.name in as_json.out


def test_a_damaged_manifest_is_a_problem_found_and_a_missing_one_wrong_use(
    bench: Bench, tmp_path: Path, reflash: Any
) -> None:
    folder = tmp_path / "new"
    assert reflash("catalog", "verify", "--dir", folder).code == 2, "wrong use: there is nothing to verify"
    folder.mkdir()
    assert reflash("catalog", "add", bench.firmware("new"), "--dir", folder).code == 0
    other = reflash("catalog", "show", "--manufacturer", "10A8", "--model", "none", "--dir", folder)
    assert other.refused.startswith("the catalogue has no release for 10A8/none; see: reflash catalog list")
    (folder / "catalog.json").write_text("{")
    assert "is no catalogue manifest" in reflash("catalog", "verify", "--dir", folder).failed
    as_json = reflash("catalog", "verify", "--dir", folder, "--json")
    assert (as_json.code, json.loads(as_json.out)["whole"]) == (1, False)


def test_output_that_cannot_be_written_is_told_in_one_line(
    reflash: Any, tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reflash("catalog", "add", bench.firmware("new"), "--dir", tmp_path).code == 0
    with open("/dev/full", "w", buffering=1) as full, monkeypatch.context() as patch:  # noqa: PTH123
        patch.setattr("sys.stdout", full)
        said = reflash("catalog", "list", "--dir", tmp_path)
        with contextlib.suppress(OSError):
            full.close()
    assert said.failed == "No space left on device; see what is wrong: reflash doctor"


def test_what_a_catalogue_holds_and_plans(bench: Bench, tmp_path: Path, reflash: Any) -> None:
    folder = ("--dir", tmp_path)
    model = ("--manufacturer", "10A8", "--model", "00000022")
    between, new = version("chained-between"), version("chained-new")
    assert reflash("catalog", "add", bench.firmware("chained-between"), *folder).code == 0
    added = reflash(
        "catalog", "add", bench.firmware("chained-new"), *folder, "--permit-from", between, "--json"
    )
    assert added.json["permitted_from"] == [f"{between}-{between}"]
    listed = reflash("catalog", "list", *folder, "--json").json
    assert {row["version"]: row["status"] for row in listed} == {
        str(between): "production",
        str(new): "production",
    }
    plan = reflash("catalog", "show", *model, "--from", version("chained-old"), *folder, "--json")
    assert [row["version"] for row in plan.json] == [str(between), str(new)]
    latest = reflash("catalog", "show", *model, "--from", new, *folder)
    assert latest.out == f"{new} is the latest, nothing to do\n"
    assert "FFFFFFFF" in reflash("catalog", "show", *model, "--from", "FFFFFFFF", *folder).refused

    withdrawn = reflash("catalog", "withdraw", *model, "--version", new, *folder)
    assert (withdrawn.code, withdrawn.out) == (0, f"withdrew 10A8/00000022 {new}\n")
    assert f"{new}  withdrawn" in reflash("catalog", "list", *folder).out
    again = reflash("catalog", "show", *model, "--from", version("chained-old"), *folder, "--json")
    assert [row["version"] for row in again.json] == [str(between)]


WRONG_USE = [
    ("catalog add {image} --dir {dir} --model 00000011", "give both --manufacturer and --model, or neither"),
    ("catalog add {image} --dir {dir} --permit-from 2-1", "'2' is no firmware version"),
    (
        "catalog add {image} --dir {dir} --permit-from 00000002-00000001",
        "00000002-00000001 is no range: the lower version comes first",
    ),
    ("catalog add {image} --dir {dir}/nowhere", "{dir}/nowhere cannot be opened: No such file or directory"),
    ("catalog list --dir {dir}", "{dir}/catalog.json does not exist; "),
]


@pytest.mark.parametrize(("command", "says"), WRONG_USE)
def test_wrong_use_of_the_catalogue(
    bench: Bench, tmp_path: Path, reflash: Any, command: str, says: str
) -> None:
    names = {"image": bench.firmware("new"), "dir": tmp_path}
    assert reflash(*command.format(**names).split()).refused.startswith(says.format(**names))
