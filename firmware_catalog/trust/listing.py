"""From checked metadata to releases: the manufacturers' own, and what the owner withdrew of them."""

from __future__ import annotations

from collections.abc import Mapping

from tuf.api.metadata import Targets

from firmware_catalog.release import Release, ReleaseStatus
from firmware_catalog.trust.delegations import Manufacturer
from firmware_catalog.trust.errors import CatalogUntrusted
from firmware_catalog.trust.facts import from_target


def releases_of(manufacturer: Manufacturer, signed: Targets) -> dict[str, Release]:
    """Return a manufacturer's releases by target path.

    Raises CatalogUntrusted when it signs for another manufacturer, or hands its right on.
    """
    role = manufacturer.role.name
    if signed.delegations is not None:
        raise CatalogUntrusted(
            f"role {role} delegates on, which no manufacturer may", "have it sign for itself"
        )
    releases = {}
    for path, target in signed.targets.items():
        release = from_target(target, role)
        if release.model.manufacturer != manufacturer.name:
            raise CatalogUntrusted(
                f"role {role} signs for {release}, which is not its own", "have the owner take that out"
            )
        releases[path] = release
    return releases


def with_withdrawals(owner: Targets, releases: Mapping[str, Release]) -> tuple[Release, ...]:
    """Put the owner's withdrawals over the manufacturers' releases.

    Raises CatalogUntrusted for anything else that the owner's own targets list: what a hub is given needs its
    manufacturer's signature too.
    """
    listed = dict(releases)
    for path, target in owner.targets.items():
        release = from_target(target, "targets")
        if release.status is not ReleaseStatus.WITHDRAWN:
            raise CatalogUntrusted(
                f"the owner's targets release {release} themselves", "have its manufacturer sign it instead"
            )
        listed[path] = release
    return tuple(listed.values())
