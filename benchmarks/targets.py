"""What the rows must reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on one figure of a row."""

    figure: str
    least: float | None = None
    most: float | None = None

    def is_reached(self, value: float) -> bool:
        """Whether the value keeps within the bound."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        bounds = [f"at least {self.least}"] if self.least is not None else []
        bounds += [f"at most {self.most}"] if self.most is not None else []
        return f"{self.figure} {' and '.join(bounds)}"


_UPLOAD: Final = {
    ("console", 115_200): (Target("share_of_ceiling", least=0.99), Target("ratio_to_peer", least=1.05)),
    ("console", 921_600): (Target("share_of_ceiling", least=0.98), Target("ratio_to_peer", least=1.5)),
    ("console", 3_000_000): (Target("share_of_ceiling", least=0.97), Target("ratio_to_peer", least=2.4)),
    ("raw", 115_200): (Target("share_of_line", least=0.95), Target("ratio_to_peer", least=1.0)),
    ("raw", 921_600): (Target("share_of_line", least=0.95), Target("ratio_to_peer", least=1.3)),
    ("raw", 3_000_000): (Target("share_of_line", least=0.90), Target("ratio_to_peer", least=1.8)),
}
"""By framing and line rate. For 24 slots, window 4, buffers of 1024 bytes and no errors on the line."""

_USB_SHARE: Final = 0.95
"""Of the limit, for any number of hubs and any block size."""

_LAG_ABOVE_IDLE_MS: Final = 5.0

_OTHERS: Final = {
    "stalled": (Target("change_for_others", least=-0.02, most=0.02),),
    "journal": (
        Target("append_ratio_to_bare_fsync", most=5),
        Target("verified_events_a_second", least=100_000),
        Target("start_seconds", most=2),
    ),
    "desk": (
        Target("scan_p95_ms", most=100),
        Target("reconcile_seconds", most=0.5),
        Target("find_p95_ms", most=50),
    ),
    "screen": (
        Target("frame_p95_ms", most=300),
        Target("frame_p95_ms_in_crowd", most=300),
        Target("page_opening_stall_ms", most=10),
        Target("cores", most=0.1),
        Target("peak_memory_mib", most=80),
    ),
    "usb_return": (Target("detach_cost_ms", most=200), Target("return_cost_ms", most=200)),
    "board": (Target("cpu_share_of_a_core", most=0.03),),
    "station": (
        Target("ratio_to_alone", most=1.02),
        Target("seconds_beyond", most=0.5),
        Target("daemon_peak_memory_mib", most=150),
    ),
}


def missed(row: dict[str, Any]) -> list[Target]:
    """Return the targets that a row does not reach."""
    return [target for target in _targets(row) if not target.is_reached(row[target.figure])]


def _targets(row: dict[str, Any]) -> tuple[Target, ...]:
    match row["row"]:
        case "upload":
            return _upload_targets(row)
        case "usb":
            return _usb_targets(row)
        case other:
            return _OTHERS.get(other, ())


def _usb_targets(row: dict[str, Any]) -> tuple[Target, ...]:
    targets: tuple[Target, ...] = (Target("share_of_limit", least=_USB_SHARE),)
    if row["devices"] == 24:
        targets += (_lag_target(row),)
    if row["devices"] == 1 and "peer" in row:
        targets += (Target("ratio_to_peer", least=1),)
    return targets


def _lag_target(row: dict[str, Any]) -> Target:
    return Target("loop_lag_p99_ms", most=round(row["idle_lag_p99_ms"] + _LAG_ABOVE_IDLE_MS, 2))


def _upload_targets(row: dict[str, Any]) -> tuple[Target, ...]:
    kind = (row["framing"], row["baud"])
    full = (row["slots"], row["window"], row["profile"], row["bit_errors"]) == (24, 4, "default", 0.0)
    if not full or kind not in _UPLOAD:
        return ()
    share, ratio = _UPLOAD[kind]
    targets: tuple[Target, ...] = (share, _lag_target(row))
    if "peer" in row:
        targets += (ratio, Target("cpu_ratio_to_peer", most=0.2))
    return targets
