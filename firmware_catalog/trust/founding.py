"""Who may sign what: founding a catalogue, changing its owner's keys, delegating to manufacturers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.signer import Key, Signer
from tuf.api.metadata import (
    TOP_LEVEL_ROLE_NAMES,
    DelegatedRole,
    Delegations,
    Role,
    Root,
    Targets,
)

from firmware_catalog.errors import CatalogError
from firmware_catalog.mcuboot_signature import MakerKey
from firmware_catalog.trust.delegations import FIELD, manufacturers
from firmware_catalog.trust.draft import Draft, Lifetimes
from firmware_catalog.trust.errors import RepositoryFault
from firmware_catalog.trust.names import FIRST_ROOT, METADATA, paths_of, role_of
from firmware_catalog.trust.publishing import publish
from firmware_catalog.trust.signing import RoleKeys, is_signed

OWNER_ROLES: Final = ("root", "targets", "snapshot", "timestamp")


def found_catalog(
    folder: Path,
    keys: Mapping[str, RoleKeys],
    signers: Collection[Signer],
    *,
    lifetimes: Lifetimes | None = None,
    now: datetime | None = None,
) -> Path:
    """Found an empty catalogue with the keys of each of `OWNER_ROLES`; return the root that stations start from.

    Raises CatalogError, also where there is a catalogue already.
    """
    missing = [role for role in OWNER_ROLES if role not in keys]
    if missing:
        raise RepositoryFault(f"no key is named for {', '.join(missing)}", "name one for each role")
    terms = lifetimes or Lifetimes()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogError(f"{folder} cannot be made: {error.strerror}", "name another folder") from error
    with Draft.editing(folder, now) as draft:
        if any((folder / METADATA).glob("*.json")):
            raise RepositoryFault(f"{folder} holds a catalogue already", "name another folder")
        root = Root(
            keys={key.keyid: key for each in keys.values() for key in each.keys},
            roles={role: keys[role].role for role in OWNER_ROLES},
            consistent_snapshot=True,
        )
        draft.sign_next(Root.type, root, root.roles[Root.type], signers, terms.root)
        draft.sign_next(Targets.type, Targets(), root.roles[Targets.type], signers, terms.targets)
        publish(draft, signers, terms, None)
    return folder / FIRST_ROOT


def rotate_root(
    folder: Path,
    changes: Mapping[str, RoleKeys],
    signers: Collection[Signer],
    *,
    lifetimes: Lifetimes | None = None,
    now: datetime | None = None,
) -> int:
    """Give roles other keys, or none of them and the root a new term; return the new root's version.

    The root is signed by enough of its keys before and after. What the new keys are for is signed anew and
    published with it, so the keys of targets, snapshot and timestamp are needed where they change.
    Raises CatalogError, and changes nothing then.
    """
    unknown = set(changes) - TOP_LEVEL_ROLE_NAMES
    if unknown:
        raise RepositoryFault(
            f"there is no role {', '.join(sorted(unknown))}", f"name {', '.join(OWNER_ROLES)}"
        )
    terms = lifetimes or Lifetimes()
    with Draft.editing(folder, now) as draft:
        root = draft.root().signed
        before = Role(list(root.roles[Root.type].keyids), root.roles[Root.type].threshold)
        for role, new in changes.items():
            _replace_keys(root, role, new)
        draft.sign_next(Root.type, root, root.roles[Root.type], signers, terms.root)
        draft.countersign(Root.type, before, signers)
        if Targets.type in changes:
            draft.sign_next(
                Targets.type, draft.targets().signed, root.roles[Targets.type], signers, terms.targets
            )
        publish(draft, signers, terms, None)
        return root.version


def delegate(
    folder: Path,
    manufacturer: str,
    keys: RoleKeys,
    image_keys: Collection[MakerKey],
    signers: Collection[Signer],
    *,
    lifetimes: Lifetimes | None = None,
    now: datetime | None = None,
) -> None:
    """Let a manufacturer sign for its own models, and pin the keys that sign its MCUboot images.

    Signed by the owner's targets keys. Doing it again replaces both; what the manufacturer has signed must then be
    signed by the new keys, and is if they are at hand. Raises CatalogError, and changes nothing then.
    """
    terms = lifetimes or Lifetimes()
    name = role_of(manufacturer)
    with Draft.editing(folder, now) as draft:
        owner = draft.targets().signed
        _refuse_look_alike(owner, manufacturer)
        if owner.delegations is None:
            owner.delegations = Delegations({}, {})
        role = DelegatedRole(
            name,
            [key.keyid for key in keys.keys],
            keys.threshold,
            terminating=True,
            paths=paths_of(manufacturer),
            unrecognized_fields={
                FIELD: {"manufacturer": manufacturer, "image_keys": [_pem(key) for key in image_keys]}
            },
        )
        _set_role(owner.delegations, role, keys.keys)
        authority = draft.root().signed.roles[Targets.type]
        draft.sign_next(Targets.type, owner, authority, signers, terms.targets)
        newest = draft.newest(Targets, name)
        if newest is not None and not is_signed(name, owner, newest):
            draft.sign_next(name, newest.signed, role, signers, terms.manufacturer)


def revoke(
    folder: Path,
    manufacturer: str,
    signers: Collection[Signer],
    *,
    lifetimes: Lifetimes | None = None,
    now: datetime | None = None,
) -> None:
    """Take a manufacturer's right away, and its releases with it. Raises CatalogError, and changes nothing then."""
    with Draft.editing(folder, now) as draft:
        owner = draft.targets().signed
        if manufacturer not in {each.name for each in manufacturers(owner)} or owner.delegations is None:
            raise RepositoryFault(f"the catalogue delegates nothing to manufacturer {manufacturer}")
        roles = owner.delegations.roles or {}
        del roles[role_of(manufacturer)]
        _drop_unused_keys(owner.delegations)
        authority = draft.root().signed.roles[Targets.type]
        draft.sign_next(Targets.type, owner, authority, signers, (lifetimes or Lifetimes()).targets)


def _replace_keys(root: Root, role: str, new: RoleKeys) -> None:
    for keyid in list(root.roles[role].keyids):
        root.revoke_key(keyid, role)
    for key in new.keys:
        root.add_key(key, role)
    root.roles[role].threshold = new.threshold


def _set_role(delegations: Delegations, role: DelegatedRole, keys: Collection[Key]) -> None:
    if delegations.roles is None:
        raise RepositoryFault(
            "the owner's targets delegate by hash bins", "restore the catalogue from a copy"
        )
    delegations.roles[role.name] = role
    delegations.keys.update({key.keyid: key for key in keys})
    _drop_unused_keys(delegations)


def _drop_unused_keys(delegations: Delegations) -> None:
    used = {keyid for role in (delegations.roles or {}).values() for keyid in role.keyids}
    for keyid in set(delegations.keys) - used:
        del delegations.keys[keyid]


def _refuse_look_alike(owner: Targets, manufacturer: str) -> None:
    """Refuse a name that differs only in case from another: their files would be one on a USB stick."""
    for other in manufacturers(owner):
        if other.name != manufacturer and other.name.casefold() == manufacturer.casefold():
            raise RepositoryFault(
                f"manufacturer {manufacturer} differs from {other.name} only in case",
                "use the name that hubs report",
            )


def _pem(key: MakerKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
