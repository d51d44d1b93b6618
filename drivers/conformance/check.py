"""Makes a check out of a scene: pytest sees a plain test, whose failure says in one line what the contract demands."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec

import pytest

from drivers.conformance.call import Broken
from drivers.conformance.device import Ability, DeviceUnderTest, NotWritten
from drivers.conformance.plugin import REPORTED_AS
from drivers.conformance.stage import NotShown, Stage

P = ParamSpec("P")
Scene = Callable[Concatenate[Any, Stage, P], Awaitable[None]]


class DemandNotMet(AssertionError):
    """A driver does not keep the contract. One line: what is demanded, and what was seen."""


class Checks:
    """What every group of checks has in common."""

    @pytest.fixture
    def device(self) -> DeviceUnderTest:
        """Return a device for one check. Its author overrides this."""
        raise NotImplementedError(
            f"{type(self).__name__} needs a fixture `device` that returns a DeviceUnderTest"
        )

    @pytest.fixture
    def stage(self, device: DeviceUnderTest, request: pytest.FixtureRequest) -> Stage:
        """Return the stage of one check, nothing on it yet."""
        # Not by pytest's own `record_property`: that warns, at each check, where its author asks for a report in XML.
        request.node.user_properties.append((REPORTED_AS, device.plugin.name))
        return Stage(device)


_ENDING_SECONDS: Final = 2.0
"""A thread whose work is done may need a moment to end."""


def check(*needs: Ability, leaves_nothing: bool = False) -> Callable[[Scene[P]], Callable[..., None]]:
    """Turn a scene into a test. Its docstring is the demand that it checks; `needs` are the abilities it takes.

    With `leaves_nothing` the check also fails when a descriptor, thread or task outlives it.
    """

    def decorate(scene: Scene[P]) -> Callable[..., None]:
        demand = inspect.cleandoc(scene.__doc__ or "")

        @functools.wraps(scene)
        def test(self: object, stage: Stage, *arguments: P.args, **parameters: P.kwargs) -> None:
            __tracebackhide__ = _is_verdict
            outcome = _perform(
                stage, needs, lambda: scene(self, stage, *arguments, **parameters), leaves_nothing
            )
            if isinstance(outcome, NotShown):
                pytest.skip(str(outcome))
            if isinstance(outcome, Broken):
                raise DemandNotMet(f"{demand} But {outcome}.") from outcome.__cause__
            if isinstance(outcome, NotWritten):
                raise outcome.with_traceback(None)
            if outcome is not None:
                raise outcome

        return test

    return decorate


def _is_verdict(raised: pytest.ExceptionInfo[BaseException] | None) -> bool:
    """Whether the suite's own frames would say less than the message does."""
    return raised is not None and raised.errisinstance((DemandNotMet, NotWritten))


def _perform(
    stage: Stage, needs: tuple[Ability, ...], scene: Callable[[], Awaitable[None]], leaves_nothing: bool
) -> Exception | None:
    """Play a scene; return what it raised."""
    try:
        for ability in needs:
            stage.need(ability)
    except NotShown as not_shown:
        return not_shown
    threads_before = set(threading.enumerate())
    files_before = _open_files()
    outcome, tasks = asyncio.run(_play(stage, scene))
    if outcome is None and leaves_nothing:
        gc.collect()
        threads = [thread for thread in threading.enumerate() if thread not in threads_before]
        for thread in threads:
            thread.join(_ENDING_SECONDS)
        left = [
            *(f"task {task}" for task in tasks),
            *(f"thread {thread.name}" for thread in threads if thread.is_alive()),
            *(f"descriptor of {target}" for target in _open_files() - files_before),
        ]
        if left:
            return Broken(f"the driver, or its device, left behind: {', '.join(left)}")
    return outcome


async def _play(stage: Stage, scene: Callable[[], Awaitable[None]]) -> tuple[Exception | None, list[str]]:
    # What a scene raises is carried past the bench's own contexts, which may wrap it.
    outcome: Exception | None = None
    async with stage.device.at_the_bench():
        try:
            await scene()
        except Exception as error:
            outcome = error
        try:
            await stage.clear()
        except Exception as error:
            outcome = outcome or error
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    return outcome, [task.get_name() for task in tasks if not task.done()]


def _open_files() -> set[str]:
    return set(_descriptors())


def _descriptors() -> Iterator[str]:
    for entry in Path("/proc/self/fd").iterdir():
        try:
            yield f"{entry.readlink()} (number {entry.name})"
        except OSError:
            continue  # the listing's own descriptor
