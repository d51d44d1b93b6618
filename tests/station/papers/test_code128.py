"""Our own bars of Code 128, held against ReportLab's."""

from __future__ import annotations

import string
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reportlab.graphics.barcode.code128 import Code128

from station.bench.labels import read_scan
from station.papers.code128 import QUIET_MODULES, bars_of, modules_of
from station.screen.views.codes import button_codes, place_codes, slot_codes

# ReportLab goes over to code set C where digits stand side by side: as good, and other bars.
_ONE_SET = string.ascii_letters + " !/-_:.~"
_JIGS = {"jig1": range(1, 9), "west_2": range(1, 3)}


def theirs(text: str) -> tuple[int, ...]:
    """The widths of bars (capital letters) and gaps."""
    code = Code128(text, quiet=False)
    code.validate()
    code.encode()
    code.decompose()
    return tuple(string.ascii_uppercase.index(each.upper()) + 1 for each in code.decomposed)


def ours(text: str) -> tuple[int, ...]:
    bars = bars_of(text)
    widths = [bars[0][1]]
    for (begin, width), (following, its) in pairwise(bars):
        widths += [following - begin - width, its]
    return tuple(widths)


@given(st.text(_ONE_SET, min_size=1, max_size=40))
def test_bars_are_as_reportlab_draws_them(text: str) -> None:
    assert ours(text) == theirs(text)
    assert modules_of(text) == sum(theirs(text)) + 2 * QUIET_MODULES


@pytest.mark.parametrize("text", ["", "caf\xe9", "two\nlines"])
def test_what_it_cannot_draw_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        bars_of(text)


def test_each_code_of_the_sheet_is_drawn_as_it_is_scanned() -> None:
    codes = [*button_codes(), *place_codes(), *slot_codes(_JIGS)]
    assert {"done", "undo", "print", "supervisor", "new carton", "new pallet", "rework", "west_2/2"} <= {
        code.text for code in codes
    }
    for code in codes:
        read_scan(code.text, _JIGS)
        assert ours(code.text) == theirs(code.text)
