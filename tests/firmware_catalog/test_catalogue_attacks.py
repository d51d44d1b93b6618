"""Each attack that TUF's specification lists (1.5.2), tried on a station that has accepted a good catalogue."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Delegations, Metadata, Targets

from benches.signed_catalogues import MAKER, OTHER_MAKER, Party, SignedCatalogue, in_days, version
from firmware_catalog.errors import CatalogError, ImagePinMismatch
from firmware_catalog.identity import DeviceModel
from firmware_catalog.release import Release
from firmware_catalog.trust import founding, publishing
from firmware_catalog.trust.delegations import FIELD
from firmware_catalog.trust.errors import (
    CatalogExpired,
    CatalogMalformed,
    CatalogRolledBack,
    CatalogUnreachable,
    CatalogUntrusted,
    ClockBehind,
)
from firmware_catalog.trust.facts import to_target
from firmware_catalog.trust.keeper import CatalogKeeper

MODEL = DeviceModel(MAKER, "0BADCAFE")


@dataclass
class Bench:
    """A station that trusts a catalogue with one release, and the place where it looks for the next."""

    catalogue: SignedCatalogue
    station: CatalogKeeper
    release: Release

    @property
    def metadata(self) -> Path:
        return self.catalogue.folder / "metadata"

    def newest(self, role: str) -> Path:
        return max(self.metadata.glob(f"*.{role}.json"), key=lambda path: int(path.name.partition(".")[0]))

    def refused(self, kind: type[CatalogError], says: str) -> None:
        """Show that a refresh fails in one line, and that the last good catalogue serves on, also after a restart."""
        with pytest.raises(kind, match=says) as caught:
            self.station.refresh()
        assert "\n" not in str(caught.value)
        assert ";" in str(caught.value), "what to do next"
        assert self.station.current().latest(MODEL) == self.release
        restarted = self.catalogue.station()
        restarted.reopen()
        assert restarted.current().latest(MODEL) == self.release


@pytest.fixture
def bench(tmp_path: Path, imgtool_image) -> Bench:
    catalogue = SignedCatalogue(tmp_path / "catalogue", imgtool_image).found()
    release = catalogue.add("0.1.0")
    catalogue.publish()
    station = catalogue.station()
    station.refresh().load(release)
    return Bench(catalogue, station, release)


def edit(path: Path, change: Callable[[dict], None]) -> None:
    content = json.loads(path.read_text())
    change(content["signed"])
    path.write_text(json.dumps(content, separators=(",", ":")))


@pytest.mark.parametrize(
    ("role", "kind"),
    [
        ("timestamp", CatalogUntrusted),
        ("snapshot", CatalogMalformed),
        ("targets", CatalogMalformed),
        (f"manufacturer-{MAKER}", CatalogMalformed),
    ],
)
def test_arbitrary_metadata_is_refused(bench: Bench, role: str, kind: type[CatalogError]) -> None:
    bench.catalogue.add("0.2.0")
    bench.catalogue.withdraw(bench.release, bench.catalogue.targets)
    bench.catalogue.publish()
    path = bench.metadata / "timestamp.json" if role == "timestamp" else bench.newest(role)
    edit(path, lambda signed: signed.update(expires="2099-01-01T00:00:00Z"))
    bench.refused(kind, "not signed by the keys" if kind is CatalogUntrusted else "do not belong together")


def test_arbitrary_software_is_refused(bench: Bench) -> None:
    release = bench.catalogue.add("0.2.0")
    bench.catalogue.publish()
    (path,) = (bench.catalogue.folder / "targets").rglob(f"*{release.version}.bin")
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    served = bench.station.refresh()
    with pytest.raises(ImagePinMismatch, match="has SHA-256"):
        served.load(release)
    path.write_bytes(bytes(data) + b"more")
    with pytest.raises(CatalogUnreachable, match="sends too much"):
        served.load(release)
    path.write_bytes(bytes(data)[:-4])
    with pytest.raises(ImagePinMismatch, match="bytes, release"):
        served.load(release)


def test_a_catalogue_of_another_owner_is_refused(bench: Bench, tmp_path: Path, imgtool_image) -> None:
    forged = SignedCatalogue(tmp_path / "forged", imgtool_image).found()
    forged.add("0.9.0")
    forged.publish()
    station = CatalogKeeper(str(forged.folder), bench.catalogue.trusted_root(), tmp_path / "station")
    station.reopen()
    bench.station = station
    bench.refused(CatalogUntrusted, "not signed by the keys that this station trusts")


def test_rolling_back_is_refused(bench: Bench, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(bench.metadata, old)
    bench.release = bench.catalogue.add("0.2.0")
    bench.catalogue.publish()
    bench.station.refresh()
    shutil.rmtree(bench.metadata)
    old.rename(bench.metadata)
    bench.refused(CatalogRolledBack, "older than what this station has seen")


def test_rolling_back_one_maker_is_refused(bench: Bench, tmp_path: Path) -> None:
    """The owner's online keys are stolen: they can sign a snapshot, but not hide what a station has seen."""
    old = tmp_path / "old"
    shutil.copytree(bench.metadata, old)
    bench.release = bench.catalogue.add("0.2.0")
    for _ in range(2):
        bench.catalogue.publish()
    bench.station.refresh()
    shutil.rmtree(bench.metadata)
    shutil.copytree(old, bench.metadata)
    for days in (40, 80):  # each makes a new snapshot
        bench.catalogue.publish(now=in_days(days))
    bench.catalogue.publish()
    bench.refused(CatalogRolledBack, "older than what this station has seen")


def test_freezing_is_noticed_when_the_time_is_over(bench: Bench) -> None:
    bench.catalogue.publish(now=in_days(-8))
    with pytest.raises(CatalogExpired, match="have its owner run 'reflash catalog refresh'"):
        bench.station.refresh()


def test_a_fast_forward_is_undone_by_new_keys(bench: Bench) -> None:
    """Whoever stole the online key signed versions far ahead. New keys in a new root make stations start afresh."""
    stolen = Metadata.from_file(str(bench.metadata / "timestamp.json"))
    stolen.signed.version = 2**30
    stolen.sign(bench.catalogue.online.signers[0])
    stolen.to_file(str(bench.metadata / "timestamp.json"))
    bench.station.refresh()
    stolen.signed.version = 5
    stolen.sign(bench.catalogue.online.signers[0])
    stolen.to_file(str(bench.metadata / "timestamp.json"))
    bench.refused(CatalogRolledBack, "New timestamp version 5")
    bench.catalogue.online = Party.of(1)
    founding.rotate_root(
        bench.catalogue.folder,
        {"snapshot": bench.catalogue.online.keys, "timestamp": bench.catalogue.online.keys},
        bench.catalogue.owner_signers,
    )
    assert bench.station.refresh().latest(MODEL) == bench.release


def test_mix_and_match_is_refused(bench: Bench) -> None:
    bench.catalogue.add("0.2.0")
    before = bench.newest(f"manufacturer-{MAKER}").with_suffix(".old")
    shutil.copy(bench.newest(f"manufacturer-{MAKER}"), before)
    bench.catalogue.publish()
    bench.catalogue.add("0.3.0")
    bench.catalogue.publish()
    shutil.copy(before, bench.newest(f"manufacturer-{MAKER}"))
    bench.refused(CatalogMalformed, "do not belong together")


def test_a_missing_file_is_refused(bench: Bench) -> None:
    bench.catalogue.add("0.2.0")
    bench.catalogue.publish()
    bench.newest(f"manufacturer-{MAKER}").unlink()
    bench.refused(CatalogUnreachable, f"manufacturer-{MAKER}.json does not exist")


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "root"])
def test_endless_data_is_refused(bench: Bench, role: str) -> None:
    bench.catalogue.withdraw(bench.catalogue.add("0.2.0"), bench.catalogue.targets)
    bench.catalogue.publish()
    path = {"timestamp": bench.metadata / "timestamp.json", "root": bench.metadata / "2.root.json"}.get(role)
    with (path or bench.newest(role)).open("wb") as file:
        file.truncate(1 << 40)
    bench.refused(CatalogUnreachable, "sends too much")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"signed": {}}', b"[" * 10_000])
def test_what_is_no_metadata_is_refused(bench: Bench, content: bytes) -> None:
    (bench.metadata / "timestamp.json").write_bytes(content)
    bench.refused(CatalogMalformed, "no catalogue that this station can read")


def test_a_vulnerable_key_below_the_threshold_makes_no_root(bench: Bench) -> None:
    thief = Party([bench.catalogue.root.signers[0]])
    forged = Metadata.from_file(str(bench.metadata / "1.root.json"))
    forged.signed.version = 2
    forged.sign(thief.signers[0])
    forged.sign(CryptoSigner.generate_ecdsa(), append=True)
    forged.to_file(str(bench.metadata / "2.root.json"))
    bench.refused(CatalogUntrusted, "signed by 1/2 keys")


def _sign_as_maker(bench: Bench, maker: str, targets: Targets) -> None:
    """Put what a maker signs, by whatever tool, into the catalogue, and have a careless owner publish it."""
    role = f"manufacturer-{maker}"
    newest = list(bench.metadata.glob(f"*.{role}.json"))
    targets.version = len(newest) + 1
    targets.expires = in_days(100)
    metadata = Metadata(targets)
    metadata.sign(bench.catalogue.makers[maker].signers[0])
    (bench.metadata / f"{targets.version}.{role}.json").write_bytes(metadata.to_bytes())


def _publish_unchecked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "releases_of", lambda *_: {})
        patched.setattr(publishing, "with_withdrawals", lambda *_: ())
        bench.catalogue.publish()


def test_one_maker_cannot_sign_for_another(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    stolen = bench.release.model_copy(update={"version": version("09090909")})
    target = to_target(stolen)
    _sign_as_maker(bench, OTHER_MAKER, Targets(targets={target.path: target}))
    with pytest.raises(CatalogUntrusted, match=f"role manufacturer-{OTHER_MAKER} signs for {MAKER}/"):
        bench.catalogue.publish()
    _publish_unchecked(bench, monkeypatch)
    bench.refused(CatalogUntrusted, f"role manufacturer-{OTHER_MAKER} signs for {MAKER}/")


def test_a_path_and_its_facts_must_agree(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    stolen = bench.release.model_copy(update={"version": version("09090909")})
    target = to_target(stolen)
    path = f"{OTHER_MAKER}/0BADCAFE/09090909.bin"
    target.path = path
    _sign_as_maker(bench, OTHER_MAKER, Targets(targets={path: target}))
    _publish_unchecked(bench, monkeypatch)
    bench.refused(CatalogMalformed, "whose path is another")


def test_the_owner_alone_releases_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    stolen = to_target(bench.release.model_copy(update={"version": version("09090909")}))
    owner = Metadata.from_file(str(bench.newest("targets")))
    owner.signed.targets[stolen.path] = stolen
    owner.signed.version += 1
    owner.sign(bench.catalogue.targets.signers[0])
    owner.to_file(str(bench.metadata / f"{owner.signed.version}.targets.json"))
    with pytest.raises(CatalogUntrusted, match="have its manufacturer sign it"):
        bench.catalogue.publish()
    _publish_unchecked(bench, monkeypatch)
    bench.refused(CatalogUntrusted, "the owner's targets release")


def test_a_maker_does_not_hand_its_right_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    _sign_as_maker(bench, OTHER_MAKER, Targets(delegations=Delegations({}, {})))
    _publish_unchecked(bench, monkeypatch)
    bench.refused(CatalogUntrusted, "delegates on")


def test_a_clock_that_went_back_is_noticed(bench: Bench) -> None:
    (accepted,) = (bench.catalogue.folder.parent / "station").glob("metadata-*/accepted")
    accepted.write_text(in_days(1).isoformat())
    with pytest.raises(ClockBehind, match="set the clock"):
        bench.station.refresh()
    with pytest.raises(ClockBehind):
        bench.catalogue.station().reopen()
    accepted.write_text("yesterday")
    with pytest.raises(CatalogError, match="is damaged"):
        bench.station.refresh()


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        (
            lambda role: role.paths.append("*/*/*"),
            CatalogUntrusted,
            "may sign for more than manufacturer 10A3",
        ),
        (lambda role: setattr(role, "terminating", False), CatalogUntrusted, "may sign for more"),
        (
            lambda role: role.unrecognized_fields.clear(),
            CatalogMalformed,
            "does not say which manufacturer's",
        ),
        (
            lambda role: role.unrecognized_fields[FIELD].update(image_keys=["no key"]),
            CatalogMalformed,
            "an image key of manufacturer 10A3 is no public key",
        ),
        (
            lambda role: role.unrecognized_fields[FIELD].update(manufacturer=OTHER_MAKER),
            CatalogUntrusted,
            f"may sign for more than manufacturer {OTHER_MAKER}",
        ),
    ],
)
def test_a_delegation_is_to_one_maker_and_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, change: Callable, kind: type[CatalogError], says: str
) -> None:
    owner = Metadata.from_file(str(bench.newest("targets")))
    change(owner.signed.delegations.roles[f"manufacturer-{MAKER}"])
    owner.signed.version += 1
    owner.sign(bench.catalogue.targets.signers[0])
    owner.to_file(str(bench.metadata / f"{owner.signed.version}.targets.json"))
    with pytest.raises(kind, match=says):
        bench.catalogue.publish()
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "manufacturers", lambda _: ())
        bench.catalogue.publish()
    bench.refused(kind, says)
