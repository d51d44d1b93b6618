from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from firmware_catalog.devices import DeviceKind
from firmware_catalog.identity import DeviceModel, FirmwareVersion
from firmware_catalog.release import (
    ANY_LOWER,
    HardwareVersionMismatch,
    ImageReference,
    NewerThanRelease,
    NoPermittedPath,
    NoRelease,
    PlanError,
    Release,
    ReleaseStatus,
    VersionRange,
    latest_production,
    plan_upgrade,
)

HUB = DeviceKind.HUB
MODEL = DeviceModel("10A3", "0BADCAFE")
OTHER = DeviceModel("10A3", "0BADBEEF")
V = FirmwareVersion


def span(lowest: int, highest: int) -> VersionRange:
    return VersionRange(lowest=V(lowest), highest=V(highest))


def release(
    version: int,
    permitted_from: str | tuple[VersionRange, ...] = ANY_LOWER,
    *,
    model: DeviceModel = MODEL,
    status: ReleaseStatus = ReleaseStatus.PRODUCTION,
    hardware: tuple[str, ...] = (),
) -> Release:
    return Release(
        model=model,
        version=V(version),
        status=status,
        permitted_from=permitted_from,
        hardware_versions=hardware,
        image=ImageReference(file=f"{version}.bin", sha256=f"{version:064x}", size=1),
    )


@pytest.mark.parametrize("made_for", DeviceKind)
def test_a_release_is_for_hubs_or_for_bridges_of_one_type_and_nothing_else(made_for):
    only = release(5).model_copy(update={"made_for": made_for})
    assert ("made_for" in only.model_dump_json()) is (made_for is not HUB)
    assert Release.model_validate_json(only.model_dump_json()) == only
    for kind in DeviceKind:
        if kind is made_for:
            assert plan_upgrade([only], MODEL, V(1), "A", kind).target == only
        else:
            with pytest.raises(NoRelease, match=f"for {made_for.plural}, not for {kind.plural}"):
                plan_upgrade([only], MODEL, V(1), "A", kind)
            # Nor is it a step on another's way.
            other = release(9, (span(5, 5),)).model_copy(update={"made_for": kind})
            with pytest.raises(NoPermittedPath):
                plan_upgrade([only, other], MODEL, V(1), "A", kind)


def chain(releases: list[Release], start: int, hardware: str = "A") -> list[int]:
    plan = plan_upgrade(releases, MODEL, V(start), hardware, HUB)
    assert [step.from_version.value for step in plan.steps] == [
        start,
        *(step.release.version.value for step in plan.steps),
    ][:-1] or not plan.steps
    return [step.release.version.value for step in plan.steps]


def test_one_step_where_every_lower_version_is_permitted() -> None:
    assert chain([release(3), release(5), release(4)], 1) == [5]


def test_versions_that_must_be_applied_in_order() -> None:
    releases = [release(3), release(5, (span(3, 3),)), release(7, (span(5, 6),))]
    assert chain(releases, 1) == [3, 5, 7]
    assert chain(releases, 3) == [5, 7]
    assert chain(releases, 6) == [7]


def test_the_shortest_chain_wins_and_then_the_highest_versions() -> None:
    releases = [release(2), release(3), release(4), release(9, (span(2, 4),))]
    assert chain(releases, 1) == [4, 9]
    assert chain([*releases, release(8), release(10, (span(8, 8), span(1, 1)))], 1) == [10]


def test_a_hub_that_runs_the_latest_has_nothing_to_do() -> None:
    plan = plan_upgrade([release(5, hardware=("A",))], MODEL, V(5), "B", HUB)
    assert plan.steps == ()
    assert plan.target.version == V(5)


def test_a_withdrawn_release_is_neither_target_nor_step() -> None:
    releases = [release(2, status=ReleaseStatus.WITHDRAWN), release(3, (span(2, 2),))]
    with pytest.raises(NoPermittedPath, match="from 00000001 to 00000003"):
        chain(releases, 1)
    assert chain(releases, 2) == [3]
    releases.append(release(4, status=ReleaseStatus.WITHDRAWN))
    assert latest_production(releases, MODEL, HUB).version == V(3)


def test_never_a_downgrade() -> None:
    with pytest.raises(NewerThanRelease, match=r"00000006, which is newer .* 00000005"):
        chain([release(5)], 6)
    with pytest.raises(NewerThanRelease):
        chain([release(5), release(9, status=ReleaseStatus.WITHDRAWN)], 9)


def test_releases_of_another_model_do_not_count() -> None:
    with pytest.raises(NoRelease, match="10A3/0BADCAFE: the catalogue lists none"):
        chain([release(5, model=OTHER)], 1)
    assert chain([release(5), release(9, model=OTHER)], 1) == [5]
    with pytest.raises(NoRelease, match="every release of it is withdrawn"):
        chain([release(5, status=ReleaseStatus.WITHDRAWN)], 1)


def test_hardware_that_the_release_or_a_step_is_not_for() -> None:
    with pytest.raises(HardwareVersionMismatch, match="hardware A, B, not C"):
        chain([release(5, hardware=("A", "B"))], 1, "C")
    releases = [release(3, hardware=("B",)), release(5, (span(3, 3),))]
    assert chain(releases, 1, "B") == [3, 5]
    with pytest.raises(NoPermittedPath, match="hardware A"):
        chain(releases, 1, "A")


def test_a_range_that_reaches_above_the_release_permits_no_downgrade() -> None:
    assert not release(5, (span(0, 9),)).permits_version(V(5))
    assert not release(5, (span(0, 9),)).permits_version(V(7))
    assert release(5, (span(0, 9),)).permits_version(V(4))


@pytest.mark.parametrize(
    "change",
    [
        {"permitted_from": ()},
        {"permitted_from": "any"},
        {"image": {"file": "../5.bin", "sha256": "0" * 64, "size": 1}},
        {"image": {"file": "/etc/passwd", "sha256": "0" * 64, "size": 1}},
        {"image": {"file": ".hidden", "sha256": "0" * 64, "size": 1}},
        {"image": {"file": "a\\b.bin", "sha256": "0" * 64, "size": 1}},
        {"image": {"file": "5.bin\n", "sha256": "0" * 64, "size": 1}},
        {"image": {"file": "5.bin", "sha256": "F" * 64, "size": 1}},
        {"image": {"file": "5.bin", "sha256": "0" * 64, "size": 0}},
        {"image": {"file": "5.bin", "sha256": "0" * 64, "size": 1 << 40}},
        {"hardware_versions": ("",)},
        {"status": "draft"},
        {"unknown": 1},
    ],
)
def test_what_no_release_may_state(change: dict[str, object]) -> None:
    stated = {name: getattr(release(5), name) for name in Release.model_fields} | change
    with pytest.raises(ValidationError):
        Release.model_validate(stated)


def test_a_range_upside_down() -> None:
    with pytest.raises(ValidationError, match="lowest 00000005 is above highest 00000004"):
        span(5, 4)
    assert str(span(1, 2)) == "00000001 to 00000002"


spans = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda pair: span(min(pair), max(pair)))
catalogues = st.dictionaries(
    st.integers(1, 8),
    st.tuples(
        st.just(ANY_LOWER) | st.lists(spans, min_size=1, max_size=2).map(tuple),
        st.sampled_from(ReleaseStatus),
        st.sampled_from([(), ("A",), ("B",)]),
    ),
    max_size=6,
).map(
    lambda entries: [
        release(version, permitted, status=status, hardware=hardware)
        for version, (permitted, status, hardware) in entries.items()
    ]
)


def all_chains(releases: list[Release], start: int, hardware: str) -> list[list[int]]:
    """Every permitted chain to the latest production release, by trying every set of steps."""
    production = [each for each in releases if each.status is ReleaseStatus.PRODUCTION]
    top = max(production, key=lambda each: each.version)
    found = []
    for size in range(1, len(production) + 1):
        for steps in itertools.combinations(sorted(production, key=lambda each: each.version), size):
            versions = [V(start), *(step.version for step in steps)]
            if steps[-1] is top and all(
                step.permits_version(before) and step.permits_hardware(hardware)
                for before, step in zip(versions, steps, strict=False)
            ):
                found.append([step.version.value for step in steps])
    return found


@given(catalogues, st.integers(0, 9), st.sampled_from(["A", "B"]), st.randoms(use_true_random=False))
def test_the_plan_is_the_best_of_all_permitted_chains(releases, start: int, hardware: str, random) -> None:
    random.shuffle(releases)
    try:
        planned = chain(releases, start, hardware)
    except NoRelease:
        assert all(each.status is ReleaseStatus.WITHDRAWN for each in releases)
    except NewerThanRelease:
        assert latest_production(releases, MODEL, HUB).version < V(start)
    except PlanError:
        assert all_chains(releases, start, hardware) == []
    else:
        possible = all_chains(releases, start, hardware)
        best = min(possible, key=lambda steps: (len(steps), [-each for each in steps]), default=[])
        assert planned == best
        assert planned or latest_production(releases, MODEL, HUB).version == V(start)


def test_a_step_of_a_long_chain_costs_as_much_as_one_of_a_short_one() -> None:
    def seconds_a_step(length: int) -> float:
        releases = [release(version, (span(version - 1, version - 1),)) for version in range(2, length + 2)]
        begun = time.process_time()
        assert len(plan_upgrade(releases, MODEL, V(1), "A", HUB).steps) == length
        return (time.process_time() - begun) / length

    # With a look at each release from each version it is ten times as much.
    assert min(seconds_a_step(4000) for _ in range(3)) < 4 * min(seconds_a_step(400) for _ in range(3))
