"""One slot under the doctor's eyes: silence of every kind, and ports that may not be opened."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from benches.station_bench import DRIVER_SETTINGS, Bench, slot
from drivers.serial_places import SerialPlaces
from drivers.smp.driver import SmpHubDriver
from drivers.smp.plugin import PLUGIN
from drivers.smp.settings import SmpSettings
from station.doctor.hubs import check_hub
from station.doctor.ports import look_at_place
from station.doctor.report import Finding, Verdict

SETTINGS = SmpSettings(**{**DRIVER_SETTINGS, "attempts": 1, "answer_seconds": 0.1})


def check(port: str, *, seated: bool | None = None, plugin: object = PLUGIN) -> list[Finding]:
    return asyncio.run(
        check_hub("jig1 slot 1", port, plugin, SETTINGS, SerialPlaces(), seated=seated, seconds=0.3)
    )


@pytest.fixture
def deaf_port() -> Iterator[str]:
    """A port whose other end reads nothing and says nothing."""
    master, slave = os.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("seated", [None, False])
def test_an_empty_slot_is_in_order(bench: Bench, seated: bool | None) -> None:
    (finding,) = check(bench.port(slot(1)), seated=seated)
    assert finding.verdict is Verdict.OK
    assert "no hub sits here; seat one and check again" in finding.what


def test_what_sits_there_and_is_silent_is_told_with_what_the_driver_met(deaf_port: str) -> None:
    (finding,) = check(deaf_port, seated=True)
    assert finding.verdict is Verdict.WARNING
    assert deaf_port in finding.what
    assert "check the slot's contacts, its cable and the jig's driver_settings" in str(finding.advice)


def test_a_hub_that_was_built_for_the_other_framing_is_told_as_that(bench: Bench) -> None:
    bench.do_now("seat", chf=str(bench.hub().chf), jig=1, slot=1)
    raw = SETTINGS.model_copy(update={"framing": "raw"})
    for seated in (None, True):
        (finding,) = asyncio.run(
            check_hub(
                "jig1 slot 1", bench.port(slot(1)), PLUGIN, raw, SerialPlaces(), seated=seated, seconds=0.3
            )
        )
        assert finding.verdict is Verdict.FAULT
        assert "was built for console framing, and its jig is set to raw framing" in finding.what
        assert finding.advice == 'set framing = "console" in the jig\'s driver_settings'


def test_a_port_that_opens_only_once_is_a_fault(bench: Bench) -> None:
    hub, port = bench.hub(), bench.port(slot(1))
    bench.do_now("seat", chf=str(hub.chf), jig=1, slot=1)

    class Once:
        """The adapter is pulled after its first opening."""

        opened = 0

        async def open(self, place: str, settings: SmpSettings) -> SmpHubDriver:
            self.opened += 1
            if self.opened > 1:
                await bench.do("port", jig=1, slot=1, plugged=False)
            return await PLUGIN.open(place, settings)

    found, again = check(port, plugin=Once())
    assert str(hub.chf) in found.what
    assert again.verdict is Verdict.FAULT
    assert "its port opened once and not again" in again.what


def test_a_hub_that_falls_silent_or_is_exchanged_meanwhile_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("station.doctor.hubs.RETURN_SECONDS", 0.5)
    hub, other = bench.hub(), bench.hub()

    class Hands:
        """Somebody takes the hub out after the first opening, and puts another one in where there is one."""

        def __init__(self, following: str | None) -> None:
            self.opened, self.following = 0, following

        async def open(self, place: str, settings: SmpSettings) -> SmpHubDriver:
            self.opened += 1
            if self.opened > 1:
                await bench.unseat(slot(1))
                if self.following is not None:
                    await bench.do("seat", chf=self.following, jig=1, slot=1)
            return await PLUGIN.open(place, settings)

    for following, verdict, said in (
        (None, Verdict.FAULT, "fell silent when its port was closed and opened"),
        (str(other.chf), Verdict.WARNING, f"hub {hub.chf} was exchanged for {other.chf}"),
    ):
        bench.do_now("seat", chf=str(hub.chf), jig=1, slot=1)
        *_, again = check(bench.port(slot(1)), plugin=Hands(following))
        assert again.verdict is verdict
        assert said in again.what


def test_a_port_that_may_not_be_opened_is_told_before_it_is_opened(deaf_port: str) -> None:
    before = os.geteuid()
    if before == 0:
        os.chown(deaf_port, 0, 5)  # tty's, as a pseudo-terminal of anybody else is already
    Path(deaf_port).chmod(0o060)
    os.seteuid(65534 if before == 0 else before)  # root is refused nothing
    try:
        look = asyncio.run(look_at_place("jig1 slot 1", deaf_port, SerialPlaces(), SETTINGS))
    finally:
        os.seteuid(before)
    assert not look.may_be_asked
    (finding,) = look.findings
    assert finding.verdict is Verdict.FAULT
    assert "may not be opened by this user: add the user to the group" in finding.what
