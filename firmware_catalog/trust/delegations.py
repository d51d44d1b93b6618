"""Which manufacturer signs with which keys: the delegations in the owner's targets metadata."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tuf.api.metadata import DelegatedRole, Targets

from firmware_catalog.mcuboot_signature import MakerKey, MakerKeyError, load_maker_key
from firmware_catalog.trust.errors import CatalogMalformed, CatalogUntrusted
from firmware_catalog.trust.names import paths_of, role_of

FIELD: Final = "reflash-manufacturer-1"
"""The field of a delegated role that names the manufacturer, and the keys that sign its images.

TUF lets metadata carry further fields and signs them with the rest.
"""


@dataclass(frozen=True, slots=True)
class Manufacturer:
    """One delegation."""

    name: str
    """DeviceManufacturer."""
    role: DelegatedRole
    image_keys: tuple[MakerKey, ...]


def manufacturers(targets: Targets) -> Iterator[Manufacturer]:
    """Yield every manufacturer that the owner delegates to.

    Raises CatalogUntrusted for a role that may sign for more than its manufacturer, CatalogMalformed for one that
    does not say whose it is.
    """
    delegations = targets.delegations
    if delegations is None:
        return
    if delegations.roles is None:
        raise CatalogMalformed(
            "the owner's targets delegate by hash bins", "delegate with 'reflash catalog delegate'"
        )
    for role in delegations.roles.values():
        yield _manufacturer(role)


def _manufacturer(role: DelegatedRole) -> Manufacturer:
    field = role.unrecognized_fields.get(FIELD)
    match field:
        case {"manufacturer": str() as name, "image_keys": [*pems]} if all(
            isinstance(pem, str) for pem in pems
        ):
            pass
        case _:
            raise CatalogMalformed(
                f"role {role.name} does not say which manufacturer's it is",
                "delegate with 'reflash catalog delegate'",
            )
    if role.name != role_of(name) or role.paths != paths_of(name) or not role.terminating:
        raise CatalogUntrusted(
            f"role {role.name} may sign for more than manufacturer {name}",
            "have the owner delegate to it anew",
        )
    try:
        keys = tuple(load_maker_key(pem.encode(), f"an image key of manufacturer {name}") for pem in pems)
    except MakerKeyError as error:
        raise CatalogMalformed(str(error)) from error
    return Manufacturer(name, role, keys)
