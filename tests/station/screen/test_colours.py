"""The screen's colours, as its style sheet has them: apart for every kind of colour vision, and legible."""

from __future__ import annotations

import itertools
import re
from importlib import resources

import pytest

CSS = (resources.files("station.web") / "static" / "base.css").read_text()
# Machado, Oliveira and Fernandes 2009, severity 1.0, for linear RGB.
VISION = {
    "usual": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protan": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritan": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
TO_XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
WHITE = (0.9505, 1.0, 1.089)


def palettes() -> list[dict[str, str]]:
    """Return each theme's colours; a theme that does not say one has the first one's."""
    found = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in re.findall(r"{([^{}]*)}", CSS)
    ]
    themes = [each for each in found if "calm" in each]
    return [{**themes[0], **theme} for theme in themes]


def times(matrix, vector):
    return tuple(sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)


def linear(colour: str) -> tuple[float, ...]:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return tuple(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)


def lab(rgb) -> tuple[float, float, float]:
    seen = tuple(min(max(c, 0.0), 1.0) for c in rgb)
    f = [
        c ** (1 / 3) if c > 0.008856 else 7.787 * c + 16 / 116
        for c in (a / b for a, b in zip(times(TO_XYZ, seen), WHITE, strict=True))
    ]
    return 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])


@pytest.mark.parametrize("vision", VISION)
def test_pass_fail_and_what_needs_a_person_are_apart_for_every_kind_of_colour_vision(vision: str) -> None:
    for palette in palettes():
        for one, other in itertools.combinations(("pass", "fail", "person"), 2):
            a, b = (lab(times(VISION[vision], linear(palette[each]))) for each in (one, other))
            apart = sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) ** 0.5
            assert apart >= 30, (one, other, apart)


def test_what_is_written_can_be_read_in_every_theme() -> None:
    themes = palettes()
    assert len(themes) == 5  # light, dark and high contrast; the last two also as the computer asks for them
    for palette in themes:
        pairs = [(each, f"{each}-ink") for each in ("pass", "fail", "person", "stop", "calm")]
        pairs += [
            ("page", "ink"),
            ("bar", "ink"),
            ("bar", "quiet-ink"),
            ("field", "ink"),
            ("field", "quiet-ink"),
        ]
        for ground, ink in pairs:
            dark, light = sorted(times(TO_XYZ, linear(palette[each]))[1] for each in (ground, ink))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ground, ink, palette)
