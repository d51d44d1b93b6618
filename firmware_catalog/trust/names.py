"""Where things lie in the catalogue, and what its roles are called. Both are plain words, whatever a maker is called.

`metadata/` holds the roles' files (`3.root.json`, `timestamp.json`, ...), `targets/` the images as
`<manufacturer>/<model>/<sha256>.<version>.bin`. In names every character but letters, digits and `-` is written
as `_` and two hex digits, so that no name leads elsewhere in a path, a URL or a pattern.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from firmware_catalog.identity import DeviceModel, FirmwareVersion

METADATA: Final = "metadata"
TARGETS: Final = "targets"
FIRST_ROOT: Final = f"{METADATA}/1.root.json"
"""The root by which a station that knows nothing yet learns whom to trust. To be handed over on a way of its own."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9-]")


def plain(name: str) -> str:
    """Write an opaque name with plain characters; different names stay different."""
    return "".join(each if _PLAIN.fullmatch(each) else f"_{ord(each):02X}" for each in name)


def role_of(manufacturer: str) -> str:
    """Name the role that signs for a manufacturer."""
    return f"manufacturer-{plain(manufacturer)}"


def paths_of(manufacturer: str) -> list[str]:
    """Return the patterns of target paths that a manufacturer's role may sign for."""
    return [f"{plain(manufacturer)}/*/*"]


def target_path(model: DeviceModel, version: FirmwareVersion) -> str:
    """Return the target path of a release: one for each version of a model."""
    return f"{plain(model.manufacturer)}/{plain(model.model)}/{version}.bin"


def image_path(model: DeviceModel, version: FirmwareVersion, sha256: str) -> str:
    """Return where the image lies under `targets/`, by the rule of TUF's consistent snapshots."""
    folder, _, name = target_path(model, version).rpartition("/")
    return f"{folder}/{sha256}.{name}"


def image_file(version: FirmwareVersion, sha256: str) -> str:
    """Return the last part of `image_path`."""
    return f"{sha256}.{version}.bin"


def is_signed_catalogue(folder: Path) -> bool:
    """Whether this looks like a signed catalogue rather than a plain folder. Says nothing of its trust."""
    return (folder / METADATA).is_dir()
