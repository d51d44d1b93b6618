"""SMP messages, byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from smp import header, image_management, os_management

from drivers.hub_answers import ChallengeAnswer, MalformedPayload, read_payload, validate
from drivers.smp.messages import ChallengeRead, IdentityRead, UnlockWrite, chunk_head


def test_golden_bytes_of_the_hub_commands():
    v1 = header.Version.V1
    assert bytes(IdentityRead(version=v1, sequence=1)).hex() == "0000000100400100a0"
    assert bytes(ChallengeRead(version=v1, sequence=2)).hex() == "0000000100400201a0"
    unlock = bytes(UnlockWrite(version=header.Version.V2, sequence=3, sig=b"\xaa\xbb"))
    assert unlock.hex() == "0a00000800400301a16373696742aabb"


def test_golden_bytes_of_a_challenge():
    payload = bytes.fromhex("a263636866488873840000000001656e6f6e63655000112233445566778899aabbccddeeff")
    challenge = validate(ChallengeAnswer, read_payload(payload))
    assert challenge.chf.hex() == "8873840000000001"
    assert challenge.nonce.hex() == "00112233445566778899aabbccddeeff"
    nameless = {"nonce": challenge.nonce}
    with pytest.raises(MalformedPayload, match="`chf`"):
        validate(ChallengeAnswer, nameless)


@given(
    version=st.sampled_from(header.Version),
    sequence=st.integers(min_value=0, max_value=255),
    offset=st.integers(min_value=1, max_value=0xFFFF_FFFF),
    data=st.binary(min_size=1, max_size=400),
)
@example(header.Version.V1, 0, 23, bytes(23))
@example(header.Version.V1, 0, 24, bytes(24))
@example(header.Version.V1, 0, 255, bytes(255))
@example(header.Version.V1, 0, 256, bytes(256))
@example(header.Version.V1, 0, 65535, b"x")
@example(header.Version.V2, 255, 65536, b"x")
@example(header.Version.V2, 255, 65535, bytes(256))
@example(header.Version.V2, 255, 65536, bytes(255))
@example(header.Version.V2, 255, 65536, bytes(256))
def test_our_chunks_are_the_smp_packages_chunks(version, sequence, offset, data):
    theirs = image_management.ImageUploadWriteRequest(
        version=version, sequence=sequence, off=offset, data=data
    )
    assert chunk_head(version, sequence, offset, len(data)) + data == bytes(theirs)


def test_golden_bytes_of_a_chunk():
    head = chunk_head(0, 7, 0x12345, 994)
    assert head.hex() == "020003f400010701" + "a2636f66661a00012345" + "6464617461" + "5903e2"
    assert len(head) + 994 == 1020


def test_the_smp_packages_requests_are_the_ones_we_mean():
    assert (
        bytes(os_management.MCUMgrParametersReadRequest(version=header.Version.V1, sequence=9)).hex()
        == "0000000100000906a0"
    )
