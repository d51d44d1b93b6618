"""Every page's links lead somewhere, here and in the bundle that goes to a bench without a network; make runs each test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(?:#([^)\s]+))?\)")


def bundled() -> list[Path]:
    """What `make bundle` takes along besides the wheels."""
    (documents,) = re.findall(r"(?m)^DOCUMENTS := (.*)$", (ROOT / "Makefile").read_text())
    return [ROOT / name for name in documents.split()]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"(?m)^#+ (.*)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_leads_to_something_that_the_bundle_has_too(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        there = (page.parent / target).resolve()
        assert there.exists(), target
        assert any(there == kept or kept in there.parents for kept in bundled()), (
            f"not in the bundle: {target}"
        )
        if anchor:
            assert anchor in anchors(there), f"{target}#{anchor}"


@pytest.mark.parametrize("marker", ["proofs", "usb", "judges", "browser", "machine"])
def test_each_test_that_make_test_leaves_out_is_run_by_its_own_target(marker: str) -> None:
    recipes = re.findall(rf"pytest -m {marker} (.*)", (ROOT / "Makefile").read_text().replace("\\\n", " "))
    run = [ROOT / word for recipe in recipes for word in recipe.split() if word.startswith("tests/")]
    for test in (ROOT / "tests").rglob("test_*.py"):
        if re.search(rf"pytest\.mark\.{marker}\b", test.read_text(encoding="utf-8")):
            assert any(test == listed or listed in test.parents for listed in run), test


def test_the_bundle_takes_what_there_is_and_the_installation_what_the_bundle_has() -> None:
    installed = (ROOT / "deploy" / "install.sh").read_text()
    for kept in bundled():
        assert kept.exists(), kept
        assert f'"$here/{kept.relative_to(ROOT).parts[0]}"' in installed
    unit = (ROOT / "deploy" / "systemd" / "reflash.service").read_text()
    assert "Documentation=file:/opt/reflash/venv/share/doc/reflash/README.md" in unit
