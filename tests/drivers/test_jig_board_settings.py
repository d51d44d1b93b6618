from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.jig_board.settings import Block, JigBoardSettings, RegisterMap


def fault_of(**settings: object) -> str:
    with pytest.raises(ValidationError) as caught:
        JigBoardSettings.model_validate({"port": "/dev/ttyS0", **settings})
    faults = caught.value.errors()
    assert len(faults) == 1, "one mistake is one line"
    assert "\n" not in faults[0]["msg"]
    return faults[0]["msg"].removeprefix("Value error, ")


def test_the_defaults_are_sound_and_read_in_three_requests() -> None:
    settings = JigBoardSettings(port="/dev/ttyS0")
    assert (settings.inputs_block.first, settings.inputs_block.count) == (0, 11)
    assert (settings.measurements_block.first, settings.measurements_block.count) == (0, 10)
    assert (settings.identity_block.first, settings.identity_block.count) == (10, 3)


def test_every_field_is_documented() -> None:
    for model in (JigBoardSettings, RegisterMap):
        assert [name for name, field in model.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("registers", "message"),
    [
        (
            {"lid_closed": 3},
            "presence (0 to 7) and lid_closed (3) overlap among the discrete inputs of 8 slots",
        ),
        ({"heartbeat": 7}, "lamps (0 to 7) and heartbeat (7) overlap among the holding registers of 8 slots"),
        (
            {"serial_number": 11},
            "serial_number (11 to 12) and firmware_version (12) overlap among the input registers of 8 slots",
        ),
        (
            {"insertions": 2},
            "slot_current (0 to 7) and insertions (2 to 17) overlap among the input registers of 8 slots",
        ),
        ({"power": 65530}, "power reaches beyond address 65535 of the coils"),
        (
            {"emergency_stop": 4000},
            "discrete inputs span 0 to 4000, 4001 addresses; one request reads at most 2000",
        ),
        (
            {"scan_counter": 300},
            (
                "slot_current, supply_voltage and scan_counter span 0 to 300, 301 addresses;"
                " one request reads at most 125"
            ),
        ),
        (
            {"firmware_version": 300},
            "serial_number and firmware_version span 10 to 300, 291 addresses; one request reads at most 125",
        ),
    ],
)
def test_a_map_that_cannot_be_is_refused_in_one_line(registers: dict[str, int], message: str) -> None:
    assert fault_of(registers=registers) == message


def test_an_unknown_register_is_named_beside_those_there_are() -> None:
    assert fault_of(registers={"lid": 8}) == (
        "the board has no register called lid; the names are presence, lid_closed, start_button, emergency_stop,"
        " power, lamps, heartbeat, slot_current, supply_voltage, scan_counter, serial_number, firmware_version,"
        " insertions"
    )


def test_addresses_count_from_zero_and_end_at_65535() -> None:
    assert "less than or equal to 65535" in fault_of(registers={"lamps": 65536})
    assert "greater than or equal to 0" in fault_of(registers={"lamps": -1})


def test_a_jig_without_lid_or_button_reads_fewer_inputs() -> None:
    registers = {"lid_closed": None, "start_button": None, "emergency_stop": 8}
    settings = JigBoardSettings(port="/dev/ttyS0", registers=registers)
    assert settings.inputs_block.count == 9


def test_presence_is_looked_at_every_50_ms_or_more_often() -> None:
    assert "less than or equal to 0.05" in fault_of(poll_seconds=0.06)


def test_a_watchdog_that_would_bite_between_two_heartbeats_is_refused() -> None:
    assert (
        fault_of(watchdog_seconds=1.5)
        == "watchdog_seconds (1.5) must be at least twice heartbeat_seconds (1.0)"
    )


@given(
    st.fixed_dictionaries(
        {name: st.integers(0, 40) for name in ("slot_current", "supply_voltage", "scan_counter")}
        | {name: st.integers(0, 40) for name in ("serial_number", "firmware_version", "insertions")}
    ),
    st.integers(1, 8),
)
def test_input_registers_are_accepted_exactly_when_no_two_share_an_address(
    registers: dict[str, int], slots: int
) -> None:
    lengths = {"slot_current": slots, "serial_number": 2, "insertions": 2 * slots}
    used = [
        address for name, first in registers.items() for address in range(first, first + lengths.get(name, 1))
    ]
    try:
        JigBoardSettings.model_validate({"port": "p", "slots": slots, "registers": registers})
        accepted = True
    except ValidationError:
        accepted = False
    assert accepted == (len(used) == len(set(used)))


def test_the_manual_lists_every_register_and_setting_with_its_default() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "jig-board.md").read_text()
    for name, field in RegisterMap.model_fields.items():
        if name != "inverted":
            assert f"| `{name}` | {field.default} |" in manual
    for name, field in JigBoardSettings.model_fields.items():
        if isinstance(field.default, int | float):
            assert f"| `{name}` | {field.default} |" in manual


@pytest.mark.parametrize(
    ("registers", "read"),
    [
        ({}, Block(0, 9)),
        ({"lamps": 9, "heartbeat": 8}, Block(8, 9)),
        ({"lamps": 0, "heartbeat": 20}, Block(20, 1)),
    ],
)
def test_lamps_are_read_back_with_the_heartbeat_where_they_are_near_it(
    registers: dict[str, int], read: Block
) -> None:
    assert JigBoardSettings(port="p", registers=RegisterMap(**registers)).heartbeat_block == read
