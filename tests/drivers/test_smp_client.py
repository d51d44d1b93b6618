"""Questions and answers over a real pseudo-terminal with a scripted peer."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smp.header import Version
from smp.image_management import ImageStatesReadRequest, ImageStatesWriteRequest
from smp.os_management import EchoWriteRequest, MCUMgrParametersReadRequest

from benches.smp_peer import ECHO, PARAMETERS, QUICK, STATE, peer_and_client
from drivers.errors import HubAction, HubLocked, LinkLost, LinkStalled, MalformedAnswer, NoAnswer
from drivers.hub_answers import DeviceCode, Done, StateAnswer
from drivers.smp.errors import SmpRefused
from drivers.smp.messages import ParametersAnswer

POOL = {"buf_size": 1024, "buf_count": 5}


def parameters(client, **how):
    return client.ask(MCUMgrParametersReadRequest, ParametersAnswer, action=HubAction.FLASH, **how)


async def test_a_question_and_its_answer():
    async with peer_and_client() as (peer, client):
        peer.scripts[PARAMETERS] = lambda _: POOL
        answer = await parameters(client)
        assert (answer.buf_size, answer.buf_count) == (1024, 5)


async def test_version_1_is_spoken_until_the_hub_answers_in_version_2():
    async with peer_and_client() as (peer, client):
        peer.scripts[PARAMETERS] = lambda request: [request.answer(POOL, version=0)]
        await parameters(client)
        await parameters(client)
        peer.scripts[PARAMETERS] = lambda request: [request.answer(POOL, version=1)]
        await parameters(client)
        await parameters(client)
        assert [request.version for request in peer.requests] == [0, 0, 0, 1]
        client.expect_another_hub()
        assert client.version is Version.V1


async def test_a_read_is_repeated_and_any_repetitions_answer_counts():
    async with peer_and_client() as (peer, client):
        unanswered = []

        def answer_the_first_when_asked_again(request):
            unanswered.append(request)
            return [unanswered[0].answer(POOL)] if len(unanswered) == 2 else None

        peer.scripts[PARAMETERS] = answer_the_first_when_asked_again
        assert (await parameters(client)).buf_count == 5
        assert len({request.sequence for request in peer.requests}) == 2


async def test_a_silent_hub_is_asked_as_often_as_configured_and_its_state_is_known_after_a_read():
    async with peer_and_client() as (peer, client):
        peer.scripts[PARAMETERS] = lambda _: None
        with pytest.raises(NoAnswer) as caught:
            await parameters(client)
        assert caught.value.state_known
        assert peer.port.path in str(caught.value)
        await peer.until_asked(PARAMETERS, QUICK.attempts)
        assert len(peer.requests) == QUICK.attempts


async def test_a_write_is_sent_once_and_leaves_the_state_unknown():
    async with peer_and_client() as (peer, client):
        peer.scripts[STATE] = lambda _: None
        with pytest.raises(NoAnswer) as caught:
            await client.ask(
                ImageStatesWriteRequest, Done, action=HubAction.CONFIRM, fields={"confirm": True}
            )
        assert not caught.value.state_known
        assert [request.fields for request in peer.requests] == [{"confirm": True}]


async def test_late_foreign_and_doubled_answers_never_pass_for_the_next_ones():
    async with peer_and_client() as (peer, client):
        peer.scripts[PARAMETERS] = lambda _: None
        with pytest.raises(NoAnswer):
            await parameters(client, attempts=1)
        late = peer.requests[-1]
        wrong = {"buf_size": 999, "buf_count": 9}

        def answer(request):
            return [
                late.answer(wrong),
                request.answer(wrong)[:4] + b"\x00\x01" + request.answer(wrong)[6:],  # another group
                request.answer(wrong)[:2] + b"\x00\x01" + request.answer(wrong)[4:],  # another length
                b"\x01\x00\x00",
                request.answer(POOL),
                request.answer(wrong),
            ]

        peer.scripts[PARAMETERS] = answer
        for _ in range(3):
            assert (await parameters(client)).buf_size == 1024


@pytest.mark.parametrize(
    ("fields", "kind", "code"),
    [
        ({"rc": 8}, SmpRefused, "rc 8"),
        ({"err": {"group": 1, "rc": 23}}, SmpRefused, "group 1 rc 23"),
        ({"rc": 11}, HubLocked, "rc 11"),
    ],
)
async def test_refusals_carry_the_hubs_own_code(fields, kind, code):
    async with peer_and_client() as (peer, client):
        peer.scripts[PARAMETERS] = lambda _: fields
        with pytest.raises(kind) as caught:
            await parameters(client)
        assert caught.value.device_code == code
        assert str(caught.value).endswith(f"({code})")
        if kind is SmpRefused:
            assert caught.value.code in {DeviceCode(None, 8), DeviceCode(1, 23)}


@pytest.mark.parametrize("payload", [b"", b"\x80", b"\xff\xff", b"\xa1\x68buf_size\x01", b"\xa1\x62rc\xf4"])
async def test_an_answer_that_is_none_is_malformed(payload):
    async with peer_and_client() as (peer, client):
        peer.scripts[PARAMETERS] = lambda request: [request.answer(payload)]
        with pytest.raises(MalformedAnswer) as caught:
            await parameters(client)
        assert "\n" not in str(caught.value)
        peer.scripts[PARAMETERS] = lambda _: POOL
        await parameters(client)


async def test_log_output_of_the_hub_does_no_harm():
    async with peer_and_client() as (peer, client):

        def answer(request):
            peer.port.send(b"*** Booting Zephyr OS ***\r\n[00:00:00.1] <inf> app: \x06\x06up\n<inf>")
            return [request.answer(POOL)]

        peer.scripts[PARAMETERS] = answer
        await parameters(client)


async def test_a_cancelled_question_leaves_the_client_usable():
    async with peer_and_client() as (peer, client):
        peer.scripts[PARAMETERS] = lambda _: None
        asking = asyncio.create_task(parameters(client))
        await peer.until_asked(PARAMETERS)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        peer.send(peer.requests[0].answer({"buf_size": 999, "buf_count": 9}))
        peer.scripts[PARAMETERS] = lambda _: POOL
        assert (await parameters(client)).buf_size == 1024


async def test_an_unplugged_port_ends_the_question_and_refuses_the_next():
    async with peer_and_client() as (peer, client):
        peer.scripts[PARAMETERS] = lambda _: peer.port.close()
        with pytest.raises(LinkLost) as caught:
            await parameters(client)
        assert caught.value.state_known
        with pytest.raises(LinkLost, match="check the adapter's cable"):
            await parameters(client)


async def test_an_unplugged_port_leaves_a_writes_effect_unknown():
    async with peer_and_client() as (peer, client):
        peer.scripts[ECHO] = lambda _: peer.port.close()
        with pytest.raises(LinkLost) as caught:
            await client.ask(EchoWriteRequest, Done, action=HubAction.STATE, fields={"d": "x"})
        assert not caught.value.state_known


async def test_a_port_whose_peer_stopped_reading_is_stalled_and_recovers():
    async with peer_and_client() as (peer, client):
        peer.port.stop_listening()
        with pytest.raises(LinkStalled) as caught:
            await client.ask(
                EchoWriteRequest, Done, action=HubAction.STATE, seconds=5, fields={"d": "x" * 60_000}
            )
        assert not caught.value.state_known
        peer.scripts[PARAMETERS] = lambda _: POOL
        peer.resume()
        await parameters(client)


async def test_closing_ends_the_question():
    async with peer_and_client() as (peer, client):
        peer.scripts[PARAMETERS] = lambda _: None
        asking = asyncio.create_task(parameters(client))
        await peer.until_asked(PARAMETERS)
        await client.close()
        await client.close()
        with pytest.raises(LinkLost):
            await asking


async def test_two_questions_at_once_are_a_mistake_of_the_caller():
    async with peer_and_client() as (peer, client):
        peer.scripts[PARAMETERS] = lambda _: None
        asking = asyncio.create_task(parameters(client))
        await peer.until_asked(PARAMETERS)
        with pytest.raises(RuntimeError, match="during flash"):
            await client.ask(ImageStatesReadRequest, StateAnswer, action=HubAction.STATE)
        with pytest.raises(NoAnswer):
            await asking


@settings(max_examples=30)
@given(noise=st.lists(st.binary(max_size=300), max_size=8))
async def test_no_bytes_from_the_line_stop_the_client(noise):
    async with peer_and_client() as (peer, client):

        def answer(request):
            for piece in noise:
                peer.port.send(piece)
            peer.port.send(b"\n")
            return [request.answer(POOL)]

        peer.scripts[PARAMETERS] = answer
        assert (await parameters(client)).buf_count == 5
