"""The proofs in small are not measured for coverage: their loops turn three times as slowly while they are."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import coverage
import pytest


@pytest.fixture(scope="module", autouse=True)
def unmeasured() -> Iterator[None]:
    """Leave it to the rooms' own tests what is covered, in this process and in those that are started."""
    measuring = coverage.Coverage.current()
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        if measuring is not None:
            measuring.stop()
        yield
        if measuring is not None:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", coverage.exceptions.CoverageWarning
                )  # of what was imported before
                measuring.start()
