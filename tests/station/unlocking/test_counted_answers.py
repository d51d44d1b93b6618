"""No hub is given a third answer that is wrong or may have been: counted before each is given, whoever gives it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benches.conducting import conducting, ordered_hub
from benches.station_bench import DRIVER_SETTINGS, Bench, StockHub, import_order, order_csv, slot
from drivers.hub import ExpectedDevice, HubDriver, UnlockAuthority, UnlockChallenge
from drivers.smp.device import open_device
from drivers.smp.settings import SmpSettings
from firmware_catalog.mcuboot import load_image
from simulators.keys import generate_key, save_private_key
from station.by_hand.devices import SerialDevice
from station.by_hand.flashing import HandFlash, NoOrder, flash_by_hand
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.records.facts.attempts import AttemptClosed, StageStarted
from station.records.facts.unlocks import UnlockAnswerDue, UnlockAnswerVoid, UnlockUsed, wrong_unlock_answers
from station.records.journal import Journal
from station.records.reader import JournalReader
from station.unlocking.counted_answers import CountedAnswers
from station.unlocking.key_file import KeyFileAuthority

PLACE = slot(1)
LOST = {"name": "drop_reply", "on": "unlock"}


@pytest.fixture(scope="session")
def wrong_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "wrong.pem"
    save_private_key(generate_key(), path)
    return path


async def by_hand(bench: Bench, folder: Path, key: Path, *others: Path) -> AttemptClosed:
    async with (
        Journal.open(folder, site="site", station="bench") as journal,
        CountedAnswers(journal, others) as answers,
    ):
        device = SerialDevice(await open_device(bench.port(PLACE), SmpSettings(**DRIVER_SETTINGS)))
        try:
            image = load_image(bench.firmware("new").read_bytes())
            request = HandFlash(image=image, supervisor="s", reason="r", station_version="0")
            authority = KeyFileAuthority.load(key)
            return await flash_by_hand(
                request, device, journal, authority, answers, NoOrder(), lambda _: None
            )
        finally:
            await device.close()


async def seen_by(bench: Bench, hub: StockHub) -> int:
    return int((await bench.look(hub))["wrong_unlock_answers"])


async def test_a_right_answer_whose_reply_is_lost_is_not_given_twice(bench: Bench, tmp_path: Path) -> None:
    async with ordered_hub(bench, tmp_path) as (at, hub):
        assert (await at.result(PLACE, LOST)).outcome is Outcome.PASSED
        assert len(at.of(UnlockAnswerDue)) == 1
        assert [event.stage for event in at.of(StageStarted)].count(Stage.UNLOCK) == 2
        assert await at.journal.wrong_unlock_answers(hub.chf) == 0


@pytest.mark.parametrize("lost", [1, 2, 3])
async def test_answers_whose_replies_are_lost_count_as_wrong_over_attempts_and_restarts(
    bench: Bench, tmp_path: Path, wrong_key: Path, lost: int
) -> None:
    hub = bench.hub()
    for seated in (1, 2, 3):
        await bench.seat(hub, PLACE)
        async with conducting(bench, tmp_path, key=wrong_key) as at:
            if seated == 1:
                await import_order(at.journal, order_csv(hub), "jig1")
            result = await at.result(PLACE, {**LOST, "times": lost})
            assert (result.code, result.disposition) == (Code.UNLOCK_REFUSED, Disposition.REWORK)
            assert await at.journal.wrong_unlock_answers(hub.chf) == await seen_by(bench, hub)
        await bench.unseat(PLACE)
    assert await seen_by(bench, hub) == 2


async def test_answers_are_added_up_over_the_daemon_and_what_is_flashed_by_hand(
    bench: Bench, tmp_path: Path, wrong_key: Path
) -> None:
    station, hand = tmp_path / "journal", tmp_path / "by-hand"

    hub = bench.hub()
    await bench.seat(hub, PLACE)
    async with conducting(bench, station, key=wrong_key, beside=(hand,)) as at:
        await import_order(at.journal, order_csv(hub), "jig1")
        assert (await at.result(PLACE)).code is Code.UNLOCK_REFUSED
    assert (await by_hand(bench, hand, wrong_key, station)).code is Code.UNLOCK_REFUSED
    assert await seen_by(bench, hub) == 2
    # Neither gives the third, though each has counted but one itself; the right key is no reason either.
    refused = await by_hand(bench, hand, bench.unlock_key, station)
    assert refused.code is Code.UNLOCK_REFUSED
    assert refused.detail == "2 answers were wrong, or may have been"
    await bench.unseat(PLACE)
    await bench.seat(hub, PLACE)
    async with conducting(bench, station, beside=(hand,)) as at:
        assert (await at.result(PLACE)).code is Code.UNLOCK_REFUSED
        assert not at.of(UnlockUsed)
    assert await seen_by(bench, hub) == 2


async def test_a_hub_has_one_answer_less_where_earlier_ones_may_have_been_forgotten(
    bench: Bench, tmp_path: Path, wrong_key: Path
) -> None:
    (tmp_path / "journal.set-aside-20261129").mkdir()

    hub, other = bench.hub(), bench.hub()
    for seated, key, answers in (
        (hub, wrong_key, 1),
        (hub, bench.unlock_key, 1),
        (other, bench.unlock_key, 0),
    ):
        await bench.seat(seated, PLACE)
        async with conducting(bench, tmp_path / "journal", key=key) as at:
            if key is wrong_key:
                await import_order(at.journal, order_csv(hub, other), "jig1")
            result = await at.result(PLACE)
            assert result.code is (Code.UNLOCK_REFUSED if answers else None)
            assert await seen_by(bench, seated) == answers
        await bench.unseat(PLACE)


async def test_a_right_answer_ends_the_count_of_its_own_journal_only(
    bench: Bench, tmp_path: Path, wrong_key: Path
) -> None:
    station, hand = tmp_path / "journal", tmp_path / "by-hand"

    hub = bench.hub()
    await bench.seat(hub, PLACE)
    assert (await by_hand(bench, hand, wrong_key, station)).code is Code.UNLOCK_REFUSED
    async with conducting(bench, station, beside=(hand,)) as at:
        await import_order(at.journal, order_csv(hub), "jig1")
        assert (await at.result(PLACE)).outcome is Outcome.PASSED
        assert await at.journal.wrong_unlock_answers(hub.chf) == 0
    with JournalReader(hand) as reader:
        assert reader.ask(wrong_unlock_answers, hub.chf) == 1


async def test_where_the_other_journal_cannot_be_read_no_answer_is_given_and_it_is_said(
    bench: Bench, tmp_path: Path
) -> None:
    hand = tmp_path / "by-hand"
    hand.mkdir()
    (hand / "journal-000001.sqlite").write_bytes(b"no journal" * 100)

    async with ordered_hub(bench, tmp_path / "journal", beside=(hand,)) as (at, hub):
        result = await at.result(PLACE)
        assert (result.outcome, result.code) == (Outcome.FAILED, Code.UNLOCK_UNAVAILABLE)
        assert (result.disposition, result.unsettled) == (Disposition.RETRY_HERE, None)
        assert f"may be counted in {hand}, which cannot be read" in result.detail
        assert not at.of(UnlockUsed)
    await bench.assert_untouched(hub)


class Witnessed:
    """Looks into the journal at the two moments that count, and may do something in between."""

    def __init__(self, driver: HubDriver, look: Any, between: Any) -> None:
        self.driver = driver
        self.look = look
        self.between = between

    def __getattr__(self, name: str) -> Any:
        return getattr(self.driver, name)

    async def unlock(self, hub: ExpectedDevice, authority: UnlockAuthority) -> None:
        self.look("asked")
        witnessed = self

        class Between:
            async def sign(self, challenge: UnlockChallenge) -> bytes:
                signature = await authority.sign(challenge)
                witnessed.look("given")
                await witnessed.between()
                return signature

        await self.driver.unlock(hub, Between())


async def test_signature_and_answer_stand_in_the_journal_before_the_hub_is_asked_and_answered(
    bench: Bench, tmp_path: Path
) -> None:
    hub = bench.hub()
    async with conducting(bench, tmp_path) as at:
        seen: dict[str, tuple[int, int]] = {}

        def look(when: str) -> None:
            seen[when] = (len(at.of(UnlockUsed)), len(at.of(UnlockAnswerDue)))

        async def nothing() -> None:
            pass

        await import_order(at.journal, order_csv(hub), "jig1")
        await bench.seat(hub, PLACE)
        result = await at.result(PLACE, wrap=lambda driver: Witnessed(driver, look, nothing))
        assert result.outcome is Outcome.PASSED
        assert seen == {"asked": (1, 0), "given": (1, 1)}


async def test_an_answer_to_a_void_challenge_counts_no_more(bench: Bench, tmp_path: Path) -> None:
    """The hub boots while its challenge is signed: it has forgotten it."""
    hub = bench.hub()
    boots = 0

    async def boot_once() -> None:
        nonlocal boots
        boots += 1
        if boots == 1:
            await bench.unseat(PLACE)
            await bench.seat(hub, PLACE)

    async with conducting(bench, tmp_path) as at:
        await import_order(at.journal, order_csv(hub), "jig1")
        await bench.seat(hub, PLACE)
        result = await at.result(PLACE, wrap=lambda driver: Witnessed(driver, lambda _: None, boot_once))
        assert result.outcome is Outcome.PASSED, result.message
        assert [
            type(event) for event in at.events if isinstance(event, UnlockAnswerDue | UnlockAnswerVoid)
        ] == [
            UnlockAnswerDue,
            UnlockAnswerVoid,
            UnlockAnswerDue,
        ]
    assert await seen_by(bench, hub) == 0


async def test_an_authority_is_asked_once_and_a_driver_that_asks_again_gets_no_third_answer(
    bench: Bench, tmp_path: Path, wrong_key: Path
) -> None:
    """The limit holds for whatever a maker's driver does."""

    class Insistent:
        def __init__(self, driver: HubDriver) -> None:
            self.driver = driver

        def __getattr__(self, name: str) -> Any:
            return getattr(self.driver, name)

        async def unlock(self, hub: ExpectedDevice, authority: UnlockAuthority) -> None:
            for _ in range(5):
                try:
                    await self.driver.unlock(hub, authority)
                except Exception as error:
                    failed = error
            raise failed

    async with ordered_hub(bench, tmp_path, key=wrong_key) as (at, hub):
        result = await at.result(PLACE, wrap=Insistent)
        assert result.code is Code.UNLOCK_REFUSED
    assert await seen_by(bench, hub) == 2
