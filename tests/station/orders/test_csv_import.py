from __future__ import annotations

import codecs
import csv
import hashlib
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_catalog.identity import Eui64, FirmwareVersion
from station.domain.device_status import DeviceStatus
from station.domain.order_line import OrderLine
from station.orders.csv_columns import HEADINGS, ORDER_NUMBER
from station.orders.csv_import import PROBLEMS_SHOWN, parse_order
from station.orders.errors import OrderFileRefused

GOLDEN = (Path(__file__).parent / "golden" / "order.csv").read_bytes()


def hub(index: int, **change: str) -> dict[str, str]:
    return {
        "chf_id": f"88-73-84-00-00-00-{index >> 8:02X}-{index & 255:02X}",
        "gpf_id": f"88-73-84-00-00-01-{index >> 8:02X}-{index & 255:02X}",
        "manufacturer": "10A3",
        "model": "0BADCAFE",
        "region": "Central",
        "variant": "DBCH",
        "recorded_firmware_version": "00010000",
        "inventory_status": "Pending",
        "owner_party": "Supplier One",
    } | change


def written(rows: list[dict[str, str]], headings: tuple[str, ...] = HEADINGS, **dialect: str) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, headings, extrasaction="ignore", **dialect)
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode()


def problems(data: bytes, number: str | None = "WO-1") -> list[str]:
    with pytest.raises(OrderFileRefused) as caught:
        parse_order(data, "order.csv", number)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("order.csv: ")
    assert len(caught.value.problems) == min(caught.value.count, PROBLEMS_SHOWN)
    return [str(problem) for problem in caught.value.problems]


def test_golden_file() -> None:
    order = parse_order(GOLDEN, "order.csv")
    assert order.number == "WO-2026-0001"
    assert order.source == "order.csv"
    assert order.sha256 == hashlib.sha256(GOLDEN).hexdigest()
    assert order.ignored_columns == ("Pallet",)
    assert order.lines == (
        OrderLine(
            chf=Eui64.parse("88-73-84-00-00-00-00-01"),
            gpf=Eui64.parse("88-73-84-00-00-01-00-01"),
            manufacturer="10A3",
            model="0BADCAFE",
            region="Central",
            variant="DBCH",
            recorded_firmware=FirmwareVersion.parse("00010000"),
            inventory_status="Pending",
            owner='Supplier "One", Ltd',
        ),
        OrderLine(
            chf=Eui64.parse("00-0B-6B-00-00-00-00-0A"),
            gpf=Eui64.parse("00-0B-6B-00-00-01-00-0A"),
            manufacturer="10A3",
            model="0BADCAFE",
            region="South 4G",
            variant="4G",
            recorded_firmware=FirmwareVersion.parse("0001FFFF"),
            inventory_status="Suspended",
            owner="Énergie",
        ),
    )


def test_a_file_that_lacks_hubs_which_it_counts_is_not_whole() -> None:
    headings = (*HEADINGS, "Order-Hubs")
    rows = [hub(number, **{"Order-Hubs": "2"}) for number in (1, 2, 3)]
    assert len(parse_order(written(rows[:2], headings), "order.csv", "WO-1").lines) == 2
    for some, counted in ((rows[:1], 1), (rows, 3)):
        assert problems(written(some, headings)) == [
            f"line {counted + 1}: order_hubs: {counted} hubs where the lines say '2': the file is not whole"
        ]
    assert problems(written([rows[0], hub(2, **{"Order-Hubs": "3"})], headings)) == [
        "line 3: order_hubs: 2 hubs where the lines say '2', '3': the file is not whole"
    ]


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_marks_and_line_ends_make_no_difference(mark: bytes, line_end: str) -> None:
    plain = parse_order(written([hub(1), hub(2)], lineterminator="\n"), "order.csv", "WO-1")
    other = parse_order(mark + written([hub(1), hub(2)], lineterminator=line_end), "order.csv", "WO-1")
    assert other.lines == plain.lines


def test_headings_in_any_order_case_and_spacing() -> None:
    data = written([hub(1)], tuple(reversed(HEADINGS)))
    heading, rest = data.split(b"\r\n", 1)
    spoken = heading.decode().replace("_", "  ").title().replace("Owner  Party", " OWNER-party ")
    assert parse_order(spoken.encode() + b"\r\n" + rest, "order.csv", "WO-1").lines[0].owner == "Supplier One"


def test_blank_lines_count_as_lines_and_nothing_else() -> None:
    data = b"\n\n" + written([hub(1)], lineterminator="\n") + b"\n,,,,,,,,\n" + b"oops\n"
    assert problems(data) == ["line 7: 1 fields under 9 headings"]
    assert len(parse_order(data[:-5], "order.csv", "WO-1").lines) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"chf_id": "88-73-84"}, "line 3: chf_id: '88-73-84' is no EUI-64"),
        ({"gpf_id": ""}, "line 3: gpf_id: '' is no EUI-64"),
        ({"recorded_firmware_version": "1.2.3"}, "recorded_firmware_version: '1.2.3' is no firmware version"),
        (
            {"inventory_status": "pending"},
            "inventory_status: 'pending' is no inventory status (Pending, White",
        ),
        ({"manufacturer": ""}, "manufacturer: '' names no manufacturer or model"),
        ({"model": "0" * 31}, "names no manufacturer or model"),
        ({"region": ""}, "region: is empty"),
        ({"owner_party": "a\nb"}, "owner_party: 'a\\nb' is not 1 to 100 printable characters"),
        ({"variant": "\x01"}, "variant: '\\x01' is not 1 to 100 printable characters"),
        ({"chf_id": hub(1)["chf_id"]}, "88-73-84-00-00-00-00-01 as CHF is already on line 2 as CHF"),
        ({"gpf_id": hub(1)["gpf_id"].lower()}, "88-73-84-00-00-01-00-01 as GPF is already on line 2 as GPF"),
        ({"gpf_id": hub(1)["chf_id"].replace("-", "")}, "as GPF is already on line 2 as CHF"),
        ({"chf_id": hub(2)["gpf_id"]}, "line 3: 88-73-84-00-00-01-00-02 as GPF is already on line 3 as CHF"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(change: dict[str, str], says: str) -> None:
    (problem,) = problems(written([hub(1), hub(2, **change), hub(3)]))
    assert says in problem


@pytest.mark.parametrize("status", DeviceStatus)
def test_every_status_of_the_inventory_is_known(status: DeviceStatus) -> None:
    (line,) = parse_order(written([hub(1, inventory_status=status)]), "order.csv", "WO-1").lines
    assert line.inventory_status == status


def test_a_line_may_have_several_faults_and_a_field_may_span_lines() -> None:
    rows = [hub(1, owner_party="two\nlines"), hub(2, chf_id="x", gpf_id="y")]
    assert [problem.split(": ")[:2] for problem in problems(written(rows))] == [
        ["line 2", "owner_party"],
        ["line 4", "chf_id"],
        ["line 4", "gpf_id"],
    ]


def test_only_the_first_problems_are_kept_and_all_are_counted() -> None:
    data = written([hub(index, region="") for index in range(100)])
    with pytest.raises(
        OrderFileRefused, match="100 problems, the first on line 2: region: is empty"
    ) as caught:
        parse_order(data, "order.csv", "WO-1")
    assert caught.value.count == 100
    assert [problem.line for problem in caught.value.problems] == list(range(2, 22))


def test_columns_missing_twice_or_unknown() -> None:
    assert problems(written([hub(1)], HEADINGS[1:])) == ["line 1: no column chf_id"]
    (problem,) = problems(written([hub(1)], (*HEADINGS[2:], "chf guid", "gpf")))
    assert problem == "line 1: no column chf_id, gpf_id; not understood: 'chf guid', 'gpf'"
    assert problems(written([hub(1)], (*HEADINGS, "CHF ID"))) == ["line 1: column chf_id is there twice"]
    (problem,) = problems(written([hub(1)], delimiter=";"))
    assert problem.endswith("owner_party; columns are separated by commas")


def test_columns_that_a_file_may_leave_out() -> None:
    more = (*HEADINGS, "CHTS version", "device_type")
    rows = [
        hub(1, **{"CHTS version": "CHTS V1.4", "device_type": "CHF"}),
        hub(2, **{"CHTS version": "", "device_type": ""}),
    ]
    stated, empty = parse_order(written(rows, more), "order.csv", "WO-1").lines
    (left_out,) = parse_order(written([hub(2)]), "order.csv", "WO-1").lines
    assert (stated.device_type, stated.chts_version) == ("CHF", "CHTS V1.4")
    assert empty == left_out
    assert "chts_version" not in left_out.model_dump_json()
    too_long = [hub(1, **{"CHTS version": "C" * 21, "device_type": "CHF"})]
    assert problems(written(too_long, more)) == [
        "line 2: chts_version: 'CCCCCCCCCCCCCCCCCCCCC' has more than 20 characters"
    ]


def test_the_order_number_by_column_or_by_option() -> None:
    headings = (*HEADINGS, ORDER_NUMBER)
    rows = [hub(1, order_number="WO-7"), hub(2, order_number=" WO-7 ")]
    assert parse_order(written(rows, headings), "order.csv").number == "WO-7"
    assert parse_order(written(rows, headings), "order.csv", " WO-7").number == "WO-7"
    assert parse_order(written(rows), "order.csv", "WO-8").number == "WO-8"
    assert problems(written(rows), None) == [
        "line 1: there is no column order_number, and no order number was given for the file"
    ]
    (problem, _) = problems(written(rows, headings), "WO-8")
    assert problem == "line 2: order_number: 'WO-7' where the order is 'WO-8': import one order at a time"
    (problem,) = problems(written([*rows, hub(3, order_number="WO-9")], headings), None)
    assert problem.startswith("line 4: order_number: 'WO-9' where the order is 'WO-7'")
    assert problems(written([hub(1, order_number="")], headings), None) == ["line 2: order_number: is empty"]
    assert problems(written(rows), " ") == ["line 1: the order number given for the file is empty"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "the file is empty"),
        (codecs.BOM_UTF8, "the file is empty"),
        (b"\r\n\r\n", "the file is empty"),
        (written([]), "no hub is listed below the headings"),
        ("chf_id,gpf_id".encode("utf-16"), "byte 0xff is not UTF-8"),
        (written([hub(1)]).decode().encode("utf-16-le"), "line 1: a NUL"),
        (written([hub(1), hub(2, owner_party="\0")]), "line 3: a NUL"),
        (
            written([hub(1), hub(2, owner_party="\N{POUND SIGN}")]).decode().encode("latin-1"),
            "line 3: byte 0xa3",
        ),
        (written([hub(1)]) + b'"88-73', "line 3: no CSV from here on"),
        (written([hub(1)]) + b'"8"8,', "line 3: no CSV from here on"),
        (written([hub(1)]) + b'"' + b"," * 200_000, "line 3: no CSV from here on"),
    ],
)
def test_files_that_are_no_order(data: bytes, says: str) -> None:
    (problem,) = problems(data)
    assert says in problem


def test_a_name_that_is_no_text_is_told_and_kept_as_one_line() -> None:
    source = "WO\n\udcff.csv"
    assert (
        parse_order(written([hub(1)]), source, "WO-1").source
        == "WO\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}.csv"
    )
    with pytest.raises(OrderFileRefused) as refused:
        parse_order(b"", source)
    assert len(str(refused.value).splitlines()) == 1
    str(refused.value).encode()


def test_a_large_order_is_not_as_many_copies_of_the_same_few_words() -> None:
    count = 5000
    rows = [
        hub(
            0,
            chf_id=str(Eui64(0x8873_8400_0000_0000 + index)),
            gpf_id=str(Eui64(0x8873_8401_0000_0000 + index)),
        )
        for index in range(count)
    ]
    order = parse_order(written(rows), "order.csv", "WO-1")
    assert len(order.lines) == count
    assert order.lines[-1].chf == Eui64(0x8873_8400_0000_0000 + count - 1)
    assert len({id(line.owner) for line in order.lines}) == 1


words = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20
) | st.sampled_from(['"', ",", "a,b", 'a"b'])


@given(
    st.lists(
        st.tuples(st.integers(0, 2**64 - 1), st.sampled_from(DeviceStatus), words, st.integers(0, 2**32 - 1)),
        min_size=1,
        max_size=8,
        unique_by=lambda each: each[0] >> 1,
    ),
    st.permutations(HEADINGS),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_what_is_written_is_read(hubs, headings, line_end: str, quoting: int) -> None:
    rows = [
        hub(
            0,
            chf_id=str(Eui64(device | 1)),
            gpf_id=str(Eui64(device & ~1)),
            inventory_status=status,
            owner_party=owner,
            recorded_firmware_version=str(FirmwareVersion(version)),
        )
        for device, status, owner, version in hubs
    ]
    data = written(rows, tuple(headings), lineterminator=line_end, quoting=quoting)
    read = parse_order(data, "order.csv", "WO-1").lines
    assert [
        (
            line.chf.value | 1,
            line.gpf.value | 1,
            line.inventory_status,
            line.owner,
            line.recorded_firmware.value,
        )
        for line in read
    ] == [(device | 1, device | 1, status, owner, version) for device, status, owner, version in hubs]


@given(
    st.binary(max_size=300) | st.text(st.sampled_from('",;\r\n \t0Ax-\ufeff\0'), max_size=200).map(str.encode)
)
def test_any_bytes_are_an_order_or_refused_with_lines(tail: bytes) -> None:
    for data in (tail, written([hub(1)]) + tail):
        try:
            order = parse_order(data, "order.csv", "WO-1")
        except OrderFileRefused as refusal:
            lines = data.count(b"\n") + data.count(b"\r") + 1
            assert all(1 <= problem.line <= lines + 1 for problem in refusal.problems)  # noqa: PT017 -- about any refusal
        else:
            assert order.lines
