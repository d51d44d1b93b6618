"""What a station remembers of an accepted catalogue: however the folder is named, whatever dies, whoever else uses it."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benches.signed_catalogues import MAKER, SignedCatalogue
from benches.standing_releases import is_released
from firmware_catalog.errors import CatalogBusy, CatalogError
from firmware_catalog.identity import DeviceModel
from firmware_catalog.locking import locked
from firmware_catalog.trust import store as store_module
from firmware_catalog.trust.errors import CatalogRolledBack, ClockBehind
from firmware_catalog.trust.keeper import CatalogKeeper
from firmware_catalog.trust.store import TrustStore

MODEL = DeviceModel(MAKER, "0BADCAFE")
NOW = datetime.now(UTC)


def _plain(base: Path) -> Path:
    return base / "real" / "catalogue"


def _linked_parent(base: Path) -> Path:
    (base / "link").symlink_to(base / "real")
    return base / "link" / "catalogue"


def _linked_itself(base: Path) -> Path:
    (base / "real" / "elsewhere").mkdir()
    (base / "link").symlink_to("real/elsewhere")
    return base / "link"


def _relative(base: Path) -> Path:
    os.chdir(base)
    return Path("real/catalogue")


def _up_and_down(base: Path) -> Path:
    (base / "real" / "other").mkdir()
    return Path(f"{base}/real/other/..//catalogue/")


NAMED: dict[str, Callable[[Path], Path]] = {
    "plainly": _plain,
    "below a link": _linked_parent,
    "by a link": _linked_itself,
    "relatively": _relative,
    "up and down again": _up_and_down,
}


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # so that it is put back
    (tmp_path / "state" / "real").mkdir(parents=True)
    return tmp_path / "state"


@pytest.fixture
def catalogue(tmp_path: Path, imgtool_image) -> SignedCatalogue:
    return SignedCatalogue(tmp_path / "catalogue", imgtool_image).found()


@pytest.mark.parametrize("how", NAMED)
def test_however_it_is_named_nothing_older_is_accepted_again(
    base: Path, catalogue: SignedCatalogue, tmp_path: Path, how: str
) -> None:
    release = catalogue.add("0.1.0")
    catalogue.publish()
    shutil.copytree(catalogue.folder, tmp_path / "yesterday")
    catalogue.withdraw(release, catalogue.targets)
    catalogue.publish()
    folder = NAMED[how](base)
    root = catalogue.trusted_root()
    CatalogKeeper(str(catalogue.folder), root, folder).refresh()
    # Once more, which is when the folder of the time before is cleared away.
    CatalogKeeper(str(catalogue.folder), root, folder).refresh()
    late = CatalogKeeper(str(tmp_path / "yesterday"), root, folder)
    late.reopen()
    with pytest.raises(CatalogRolledBack):
        late.refresh()
    assert not any(
        is_released(late.current(), MODEL, each)
        for each in [CatalogKeeper(str(tmp_path / "yesterday"), root, tmp_path / "x").refresh().load(release)]
    )


@pytest.mark.parametrize("how", NAMED)
def test_however_it_is_named_a_clock_set_back_is_noticed(base: Path, how: str) -> None:
    store = TrustStore(NAMED[how](base))
    store.accept({"timestamp.json": b"1"}, store.accepted(), NOW)
    accepted = TrustStore(store.folder).accepted()
    assert accepted.files == {"timestamp.json": b"1"}
    assert not (store.folder / "images").exists(), "who looks makes nothing"
    with pytest.raises(ClockBehind):
        accepted.check_clock(NOW - timedelta(days=300), store.folder)


def test_a_link_that_leads_elsewhere_later_takes_nothing_along(base: Path) -> None:
    store = TrustStore(_linked_parent(base))
    store.accept({"timestamp.json": b"1"}, store.accepted(), NOW)
    (base / "elsewhere").mkdir()
    (base / "link").unlink()
    (base / "link").symlink_to(base / "elsewhere")
    os.chdir("/")
    assert store.accepted().files == {"timestamp.json": b"1"}
    store.accept({"timestamp.json": b"2"}, store.accepted(), NOW)
    assert TrustStore(base / "real" / "catalogue").accepted().files == {"timestamp.json": b"2"}
    assert not list((base / "elsewhere").iterdir())


@pytest.mark.parametrize("lost", ["metadata-1", "metadata-1/accepted"])
def test_what_was_lost_is_no_fresh_start(base: Path, lost: str) -> None:
    store = TrustStore(_plain(base))
    store.accept({"timestamp.json": b"1"}, store.accepted(), NOW)
    path = store.folder / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(CatalogError, match="what was accepted is not known; restore") as caught:
        store.accepted()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("times", [1, 3])
def test_a_copy_without_its_link_still_knows_what_was_accepted(base: Path, times: int) -> None:
    store = TrustStore(_plain(base))
    for time in range(times):
        store.accept({"timestamp.json": b"%d" % time}, store.accepted(), NOW)
    link = store.folder / "current"
    aimed_at = link.resolve()
    link.unlink()
    kept = TrustStore(store.folder).accepted()
    assert (kept.generation, kept.files) == (times, {"timestamp.json": b"%d" % (times - 1)})
    shutil.copytree(aimed_at, link)
    with pytest.raises(CatalogError, match="what was accepted is not known; restore"):
        store.accepted()
    shutil.rmtree(link)
    store.accept({"timestamp.json": b"new"}, kept, NOW)
    assert TrustStore(store.folder).accepted().files == {"timestamp.json": b"new"}


def test_two_programs_have_one_memory(catalogue: SignedCatalogue, tmp_path: Path) -> None:
    release = catalogue.add("0.1.0")
    catalogue.publish()
    daemon, hand = catalogue.station(), catalogue.station()
    image = daemon.refresh().load(release)
    shutil.copytree(catalogue.folder, tmp_path / "yesterday")
    take_over = daemon.examine()
    catalogue.withdraw(release, catalogue.targets)
    catalogue.publish()
    assert not is_released(hand.refresh(), MODEL, image)
    # What was checked against an older state is checked again before it is accepted.
    with pytest.raises(CatalogError, match="another program has accepted a newer catalogue"):
        take_over()
    # And the source that now offers the older state to one does not have it believe what the other knows better.
    shutil.rmtree(catalogue.folder)
    (tmp_path / "yesterday").rename(catalogue.folder)
    assert is_released(daemon.current(), MODEL, image)
    with pytest.raises(CatalogRolledBack):
        daemon.refresh()
    assert not is_released(daemon.current(), MODEL, image)


def test_a_program_that_holds_it_for_long_is_named_and_changes_nothing(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_PATIENCE_SECONDS", 0.05)
    store = TrustStore(_plain(base))
    with locked(store.folder), pytest.raises(CatalogBusy, match="another program is changing"):
        store.accept({"timestamp.json": b"1"}, TrustStore(base / "other").accepted(), NOW)
    assert store.accepted().generation == 0


def _children(folder: Path, death: int) -> int:
    """Accept in a process that is killed at its `death`-th step towards the disk; return how it ended."""
    child = os.fork()
    if child == 0:
        steps = 0

        def counted(act: Callable[..., object]) -> Callable[..., object]:
            def step(*arguments: object, **more: object) -> object:
                nonlocal steps
                steps += 1
                if steps == death:
                    os.kill(os.getpid(), signal.SIGKILL)
                return act(*arguments, **more)

            return step

        for name in ("fsync", "symlink", "rename", "replace", "mkdir", "rmdir", "unlink"):
            setattr(os, name, counted(getattr(os, name)))
        try:
            store = TrustStore(folder)
            store.accept({"a": b"new", "b/c": b"new"}, store.accepted(), NOW)
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1]


def test_killed_at_any_step_it_has_the_old_or_the_new_whole(base: Path) -> None:
    folder = _plain(base)
    store = TrustStore(folder)
    old, new = {"a": b"old", "b/c": b"old"}, {"a": b"new", "b/c": b"new"}
    for death in range(1, 100):
        first = TrustStore(base / str(death))
        ended = _children(first.folder, death)
        assert first.accepted().files in ({}, new)
        first.accept(old, first.accepted(), NOW)
        if ended == 0:
            break
    seen = []
    for death in range(1, 100):
        store.accept(old, store.accepted(), NOW)
        ended = _children(folder, death)
        files = TrustStore(folder).accepted().files
        assert files in (old, new)
        seen.append(files)
        if ended == 0:
            break
        assert os.WTERMSIG(ended) == signal.SIGKILL
    assert len(seen) > 8
    assert seen[0] == old
    assert seen[-1] == new
    assert len(list(folder.glob("metadata-*"))) == 1
