"""Whether the journal can be kept here: on a local disk, with room, durable in good time."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

from station.doctor.report import Finding, fault, ok, warning
from station.records.copies import left_behind

_NETWORK: Final = frozenset(
    {
        *(
            "nfs",
            "nfs4",
            "cifs",
            "smb3",
            "smbfs",
            "9p",
            "afs",
            "ceph",
            "coda",
            "lustre",
            "gfs2",
            "ocfs2",
            "virtiofs",
        ),
        *("fuse.sshfs", "fuse.glusterfs"),
    }
)
"""File systems on which locks and fsync are another machine's word."""
_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
_MEBIBYTE: Final = 1 << 20
_SLOW_MILLISECONDS: Final = 50.0
"""An fsync that takes longer is felt: each step of each hub waits for one."""
_SYNCS: Final = 7
_ESCAPE: Final = re.compile(r"\\([0-7]{3})")


def check_disk(state_directory: Path, least_free_mebibytes: int) -> list[Finding]:
    """Look at the disk of the state directory; write and remove a small file there."""
    where = f"state directory {state_directory}"
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    kind = filesystem_of(state_directory, mounts)
    if kind in _NETWORK:
        # Nothing else is looked at: a dead server would hold whoever asks.
        return [fault(where, f"is on a network disk ({kind})", "put it on a disk of this machine")]
    findings = []
    if kind in _IN_MEMORY:
        findings.append(
            fault(where, f"is in memory ({kind}): a power cut loses every result", "put it on a disk")
        )
    if not state_directory.is_dir():
        parent = next(folder for folder in state_directory.parents if folder.is_dir())
        if not os.access(parent, os.W_OK, effective_ids=True):
            advice = f"make it for the station's user: install -d -o USER {state_directory}"
            return [*findings, fault(where, f"is not there, and {parent} cannot be written", advice)]
        return [*findings, ok(where, "is not there yet; the daemon makes it")]
    return [
        *findings,
        judge_room(where, shutil.disk_usage(state_directory).free, least_free_mebibytes),
        _durability(where, state_directory),
        *(
            warning(
                where, f"{copy} was left by a backup or restore that was killed", f"remove it: rm -r {copy}"
            )
            for copy in left_behind(state_directory)
        ),
    ]


def filesystem_of(path: Path, mounts: str) -> str:
    """Return the type of the file system that `path` is on, by the text of proc(5)'s mountinfo. Touches no disk."""
    wanted = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would touch the disk
    best, kind = -1, "unknown"
    for line in mounts.splitlines():
        fields, separator, source = line.partition(" - ")
        if not separator:
            continue
        point = Path(_ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields.split(" ")[4]))
        depth = len(point.parts)
        # Of mounts on one place, the last is the one that is seen.
        if depth >= best and wanted.is_relative_to(point):
            best, kind = depth, source.split(" ")[0]
    return kind


def judge_room(where: str, free_bytes: int, least: int) -> Finding:
    """Hold what is free against the least (MiB) with which hubs are begun with."""
    free = free_bytes // _MEBIBYTE
    if free < least:
        return fault(where, f"{free} MiB are free, {least} are wanted", "make room")
    if free < 4 * least:
        return warning(where, f"{free} MiB are free; below {least} no hub is begun with", "make room")
    return ok(where, f"{free} MiB are free")


def _durability(where: str, folder: Path) -> Finding:
    spent = []
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            for _ in range(_SYNCS):
                file.write(b"\0" * 4096)
                file.flush()
                begun = time.monotonic()
                os.fsync(file.fileno())
                spent.append((time.monotonic() - begun) * 1e3)
    except OSError as error:
        return fault(where, f"cannot be written ({error.strerror})", "give it to the station's user: chown")
    took = statistics.median(spent)
    if took > _SLOW_MILLISECONDS:
        return warning(where, f"fsync takes {took:.0f} ms", "put it on an SSD of this machine's own")
    return ok(where, f"fsync takes {took:.1f} ms")
