"""Answers: both forms of errors, and hostile bytes."""

from __future__ import annotations

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benches.hub_samples import HUB
from drivers.errors import AnotherHub
from drivers.hub import BridgeIdentity
from drivers.hub_answers import (
    ChallengeAnswer,
    DeviceCode,
    IdentityAnswer,
    MalformedPayload,
    StateAnswer,
    code_in,
    read_payload,
    validate,
)
from drivers.smp.messages import BootloaderAnswer, ParametersAnswer
from firmware_catalog.devices import BridgeId, BridgeType
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion


def test_an_identity_in_the_drivers_form():
    hub = validate(IdentityAnswer, {**HUB, "rc": 0, "serial": "keys to come are ignored"}).identity()
    assert hub.chf == Eui64.parse("88-73-84-00-00-00-00-01")
    assert hub.gpf == Eui64.parse("88-73-84-00-00-00-00-02")
    assert hub.model == DeviceModel("10C4", "0000A001")
    assert (hub.hardware_version, hub.variant, hub.boots, hub.locked) == ("1.2", "DBCH", 7, True)
    assert hub.firmware == FirmwareVersion.parse("0002012F")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("chf", bytes(7)),
        ("gpf", "8873840000000002"),
        ("manufacturer", ""),
        ("model", "A" * 31),
        ("model", "caf\u00e9"),
        ("hw", 1),
        ("variant", "two\nlines"),
        ("fw", 1 << 32),
        ("fw", -1),
        ("fw", 1.0),
        ("fw", True),
        ("locked", 1),
        ("boots", "7"),
        ("boots", None),
    ],
)
def test_an_identity_with_one_wrong_field_names_it(field, value):
    with pytest.raises(MalformedPayload, match=f"`{field}`"):
        validate(IdentityAnswer, {**HUB, field: value})


def test_a_missing_field_is_named():
    fields = dict(HUB)
    del fields["gpf"]
    with pytest.raises(MalformedPayload, match="`gpf`"):
        validate(IdentityAnswer, fields)


BRIDGE = {name: value for name, value in HUB.items() if name not in {"chf", "gpf", "variant"}} | {
    "device": HUB["chf"],
    "bridge": "B2",
}


def test_a_bridge_says_its_one_id_and_its_type():
    bridge = validate(IdentityAnswer, BRIDGE).identity()
    assert isinstance(bridge, BridgeIdentity)
    assert bridge.ids == BridgeId(Eui64.parse("88-73-84-00-00-00-00-01"), BridgeType.B2)
    assert (bridge.hardware_version, bridge.boots, bridge.locked) == ("1.2", 7, True)
    challenge = validate(ChallengeAnswer, {"device": HUB["chf"], "nonce": bytes(16)})
    assert challenge.device_id == bridge.device_id


@pytest.mark.parametrize(
    ("model", "changes", "named"),
    [
        (IdentityAnswer, {"bridge": "B5"}, "`bridge`"),
        (IdentityAnswer, {"bridge": None}, "`bridge` is missing"),
        (IdentityAnswer, {"device": None}, "`device` is missing"),
        (IdentityAnswer, {"chf": bytes(8)}, "no `chf`"),
        (IdentityAnswer, {"gpf": bytes(8)}, "no `gpf`"),
        (ChallengeAnswer, {"nonce": bytes(16), "chf": bytes(8)}, "either `chf` or `device`"),
        (ChallengeAnswer, {"nonce": bytes(16), "device": None}, "either `chf` or `device`"),
    ],
)
def test_what_is_neither_a_hub_nor_a_bridge_is_refused(model, changes, named):
    with pytest.raises(MalformedPayload, match=named):
        validate(model, BRIDGE | changes)


def test_a_bridge_of_another_type_or_family_is_another_device():
    meant = validate(IdentityAnswer, BRIDGE).identity().device
    meant.require(validate(IdentityAnswer, BRIDGE | {"boots": 8}).identity(), place="here", action="flash")
    for other, told in (
        (
            BRIDGE | {"bridge": "B3"},
            "at here is one of the bridges of type B3, not of the bridges of type B2",
        ),
        (BRIDGE | {"device": bytes(8)}, "answers at here, not 88-73-84"),
        (BRIDGE | {"model": "0000A002"}, "is of model"),
        (HUB, "at here is one of the hubs, not of the bridges of type B2"),
    ):
        with pytest.raises(AnotherHub, match=told):
            meant.require(validate(IdentityAnswer, other).identity(), place="here", action="flash")


def test_a_state_without_its_false_flags_and_of_two_images():
    fields = {
        "images": [
            {"slot": 0, "version": "0.2.303", "hash": bytes(32), "active": True, "confirmed": True},
            {"slot": 1, "version": "0.3.0", "pending": True},
            {"image": 1, "slot": 0, "version": "9.9.9", "active": True},
        ]
    }
    state = validate(StateAnswer, fields).state()
    assert [slot.version for slot in state.slots] == ["0.2.303", "0.3.0"]
    assert state.running is not None
    assert state.running.image_hash == bytes(32)
    assert state.pending is not None
    assert state.pending.slot == 1
    assert state.pending.image_hash is None


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, None),
        ({"rc": 0, "off": 1}, None),
        ({"rc": 8}, DeviceCode(None, 8)),
        ({"rc": 8, "rsn": "no"}, DeviceCode(None, 8, "no")),
        ({"err": {"group": 1, "rc": 23}}, DeviceCode(1, 23)),
        ({"err": {"group": 1, "rc": 0}}, None),
    ],
)
def test_errors_in_both_forms(fields, code):
    assert code_in(fields) == code


@pytest.mark.parametrize(
    "fields",
    [
        {"rc": "8"},
        {"rc": True},
        {"rc": None},
        {"err": 8},
        {"err": {}},
        {"err": {"group": 1}},
        {"err": {"rc": 1.5}},
    ],
)
def test_malformed_errors_are_no_success(fields):
    with pytest.raises(MalformedPayload):
        code_in(fields)


def test_codes_read_as_the_protocol_writes_them():
    assert str(DeviceCode(None, 8)) == "rc 8"
    assert str(DeviceCode(1, 23)) == "group 1 rc 23"


HOSTILE = [
    b"",
    b"\xff",
    b"\x80",
    b"\x9f" * 300,
    b"\xa1\x01",
    bytes.fromhex("a16161" + "c482" + "3b7fffffffffffffff" + "01"),  # a decimal fraction beyond reason
    bytes.fromhex("c5821b7fffffffffffffff01"),  # a big float beyond reason
    bytes.fromhex("a1d81e820100a0"),  # a fraction by zero, as a key
    bytes.fromhex("a1d81d00d81d00"),  # references to nothing
    bytes.fromhex("d823612a"),  # a regular expression that is none
    bytes.fromhex("a2626f6600626f6601"),  # one key twice
]


@given(payload=st.binary(max_size=200))
@example(HOSTILE[0])
@example(HOSTILE[1])
@example(HOSTILE[2])
@example(HOSTILE[3])
@example(HOSTILE[4])
@example(HOSTILE[5])
@example(HOSTILE[6])
@example(HOSTILE[7])
@example(HOSTILE[8])
@example(HOSTILE[9])
@example(HOSTILE[10])
def test_any_bytes_are_a_map_or_malformed(payload):
    try:
        fields = read_payload(payload)
    except MalformedPayload:
        return
    assert isinstance(fields, dict)


@pytest.mark.parametrize("payload", HOSTILE)
def test_hostile_bytes_are_malformed(payload):
    with pytest.raises(MalformedPayload):
        validate(IdentityAnswer, read_payload(payload))


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.binary(max_size=40) | st.text(max_size=20) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
keys = st.sampled_from(["rc", "err", "images", "off", "nonce", "buf_size", "bootloader", *HUB])


@given(fields=st.dictionaries(keys, plain, max_size=12))
def test_any_map_is_an_answer_or_malformed(fields):
    fields = read_payload(cbor2.dumps(fields))
    for model in (IdentityAnswer, StateAnswer, ChallengeAnswer, ParametersAnswer, BootloaderAnswer):
        try:
            code_in(fields)
            answer = validate(model, fields)
        except MalformedPayload:
            continue
        assert isinstance(answer, model)
