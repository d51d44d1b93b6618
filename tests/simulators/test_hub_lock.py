from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches.sim_bench import CHF, MANUFACTURER, MODEL, authority, sign
from simulators.keys import generate_key
from simulators.lock import Lock, LockedOut, LockPolicy, NoChallenge, WrongAnswer

POLICY = LockPolicy(nonce_seconds=10, wrong_answers_allowed=3, back_off_seconds=60)


class Bench:
    def __init__(self, seed: int = 1) -> None:
        self.now = 1000.0
        self.lock = Lock(authority().public_key(), POLICY, seed, clock=lambda: self.now)

    def answer(self, signature: bytes, model: str = MODEL) -> None:
        self.lock.answer(signature, CHF, MANUFACTURER, model)

    def guess(self) -> None:
        with pytest.raises(WrongAnswer):
            self.answer(sign(CHF, self.lock.challenge(), generate_key()))


def test_the_right_answer_opens() -> None:
    bench = Bench()
    nonce = bench.lock.challenge()
    assert 16 <= len(nonce) <= 32
    bench.answer(sign(CHF, nonce))
    assert bench.lock.is_open
    bench.lock.close()
    assert not bench.lock.is_open


def test_an_answer_is_good_for_one_hub_one_model_and_one_nonce() -> None:
    bench = Bench()
    for wrong in (
        sign(bytes(8), bench.lock.challenge()),
        sign(CHF, bytes(24)),
    ):
        bench.lock.challenge()
        with pytest.raises(WrongAnswer):
            bench.answer(wrong)
    bench = Bench()
    with pytest.raises(WrongAnswer):
        bench.answer(sign(CHF, bench.lock.challenge()), model="00000012")


def test_a_nonce_is_used_up_by_one_answer() -> None:
    bench = Bench()
    signature = sign(CHF, bench.lock.challenge())
    with pytest.raises(WrongAnswer):
        bench.answer(bytes(64))
    with pytest.raises(NoChallenge):
        bench.answer(signature)


def test_a_nonce_ages() -> None:
    bench = Bench()
    signature = sign(CHF, bench.lock.challenge())
    bench.now += 10.1
    with pytest.raises(NoChallenge):
        bench.answer(signature)
    assert bench.lock.wrong_answers == 0


def test_a_boot_voids_the_nonce_and_nonces_never_repeat() -> None:
    bench = Bench()
    first = bench.lock.challenge()
    bench.lock.close()
    with pytest.raises(NoChallenge):
        bench.answer(sign(CHF, first))
    assert bench.lock.challenge() != first
    assert Bench(seed=2).lock.challenge() != first


def test_three_wrong_answers_lock_out_even_the_right_one_and_a_boot_does_not_help() -> None:
    bench = Bench()
    for _ in range(3):
        bench.guess()
    with pytest.raises(LockedOut):
        bench.lock.challenge()
    bench.now += 50
    bench.lock.close()
    bench.now += 50
    with pytest.raises(LockedOut):
        bench.lock.challenge()
    bench.now += 11
    bench.guess()
    with pytest.raises(LockedOut):
        bench.lock.challenge()
    bench.now += 61
    bench.answer(sign(CHF, bench.lock.challenge()))
    assert bench.lock.is_open
    assert bench.lock.wrong_answers == 0


@given(st.binary(max_size=80))
def test_whatever_is_sent_is_wrong_or_right(signature: bytes) -> None:
    bench = Bench()
    bench.lock.challenge()
    with pytest.raises(WrongAnswer):
        bench.answer(signature)
    assert not bench.lock.is_open
