"""What holds for every test: skips are seen; and what its plugins say."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["benches.time_limits", "benches.coroutines", "benches.leaks", "benches.workers"]

SKIP_IS_FAILURE = os.environ.get("REFLASH_SKIP_IS_FAILURE") == "1"

collect_ignore = ["drivers/outside_driver"]
"""A package of somebody else, which runs its own tests: see test_outside_driver."""

settings.register_profile(
    "station",
    deadline=None,
    max_examples=40,  # by hand --hypothesis-profile thorough tries 1,000
    # Where a change is judged the same inputs are tried each time; by hand each run explores further.
    derandomize=SKIP_IS_FAILURE,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("thorough", settings.get_profile("station"), max_examples=1000)
settings.load_profile("station")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So a shell leaves it to what it runs in the background, and every program that a test starts would not hear it either.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if SKIP_IS_FAILURE and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped where everything must run: {report.longrepr}"
    return report
