"""What Prometheus asks for: the bench as numbers in base units. No hub, order or person is in a label: they would grow without end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from station.desk.bench_requests import BenchNews
from station.desk.count_requests import ResultsCounted
from station.desk.health_requests import HealthShown
from station.domain.phase import SlotPhase
from station.domain.slot_view import SlotView
from station.domain.to_do import ToDo
from station.version import station_version

_BROKER_STATES: Final = ("connected", "waiting", "refused")


@dataclass(frozen=True, slots=True)
class Bench:
    """The bench at the moment of one scrape."""

    news: BenchNews | None
    """What was told last that is no slot's; None while the daemon is away."""
    slots: tuple[SlotView, ...]
    counted: ResultsCounted | None
    """None where the reports cannot be read: nothing is counted as 0 then."""
    streams: int
    health: HealthShown | None = None
    """None where the daemon does not tell it."""


class _AsOf(Collector):
    """One scrape's numbers."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def collect(self) -> Iterable[Metric]:
        """Yield each family."""
        bench = self._bench
        version = GaugeMetricFamily("reflash_screen_info", "The screen's version.", labels=["version"])
        version.add_metric([station_version()], 1)
        yield version
        yield GaugeMetricFamily("reflash_screen_streams", "Pages and programs that follow.", bench.streams)
        yield GaugeMetricFamily(
            "reflash_daemon_up", "Whether the daemon answers.", int(bench.news is not None)
        )
        if bench.news is not None:
            yield from _of_now(bench.news, bench.slots)
        if bench.health is not None:
            yield from _of_the_pc(bench.health)
        if bench.counted is not None:
            yield from _ever(bench.counted)


def exposition(bench: Bench, accept: str) -> tuple[bytes, str]:
    """Write everything down as whoever asks reads it; return that and its media type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_AsOf(bench))
    ProcessCollector(registry=registry)
    encode, media_type = choose_encoder(accept)
    encoder: Callable[[CollectorRegistry], bytes] = encode
    return encoder(registry), media_type


def _of_now(news: BenchNews, slots: Collection[SlotView]) -> Iterator[Metric]:
    by_word = GaugeMetricFamily(
        "reflash_slots", "Slots by what is to be done there.", labels=["jig", "to_do"]
    )
    counts = Counter((slot.place.jig, slot.to_do) for slot in slots)
    for jig in sorted({jig for jig, _ in counts}):
        for to_do in ToDo:
            by_word.add_metric([jig, to_do.value], counts[jig, to_do])
    yield by_word
    broker = GaugeMetricFamily("reflash_broker_state", "1 for how it is with the broker.", labels=["state"])
    for state in _BROKER_STATES:
        broker.add_metric([state], int(news.broker.state == state))
    yield broker
    faults = GaugeMetricFamily("reflash_faults", "What is wrong with the station now.", labels=["reason"])
    for reason, number in sorted(Counter(each.reason.value for each in news.faults).items()):
        faults.add_metric([reason], number)
    yield faults
    out_of_use = GaugeMetricFamily(
        "reflash_slot_out_of_use", "1 for a slot that waits to be enabled.", labels=["jig", "slot"]
    )
    for slot in slots:
        out_of_use.add_metric([slot.place.jig, str(slot.place.slot)], int(slot.phase is SlotPhase.OUT_OF_USE))
    yield out_of_use
    yield GaugeMetricFamily("reflash_people_signed_on", "Sign-ons at jigs and the bench.", len(news.people))


def _of_the_pc(shown: HealthShown) -> Iterator[Metric]:
    """What is not known is not there: nothing is told as 0 that nobody could ask."""
    health = shown.health
    yield GaugeMetricFamily(
        "reflash_daemon_uptime_seconds", "For how long the daemon has run.", shown.uptime_seconds
    )
    if (journal := health.journal) is not None:
        yield GaugeMetricFamily(
            "reflash_messages_waiting", "Messages not known to be delivered.", journal.waiting
        )
        since = journal.waiting_since
        yield GaugeMetricFamily(
            "reflash_message_oldest_waiting_seconds",
            "For how long the oldest of them has waited.",
            0 if since is None else max(0.0, (health.at - since).total_seconds()),
        )
    yield GaugeMetricFamily(
        "reflash_catalogue_usable",
        "Whether hubs may be begun with by it.",
        int(not health.catalogue.hindrance),
    )
    if (ends := health.catalogue.ends) is not None:
        yield GaugeMetricFamily(
            "reflash_catalogue_end_timestamp_seconds", "When its first role expires.", ends.timestamp()
        )
        yield GaugeMetricFamily(
            "reflash_catalogue_ends_soon",
            "Whether its owner should act by now.",
            int(health.catalogue.ends_soon is not None),
        )
    if health.clock_kept is not None:
        yield GaugeMetricFamily(
            "reflash_clock_kept", "Whether a time service keeps it.", int(health.clock_kept)
        )
    yield GaugeMetricFamily("reflash_clock_timestamp_seconds", "What it says.", health.at.timestamp())
    if (disk := health.disk) is not None:
        for name, what, value in (
            ("free", "Free on the disk of the state directory.", disk.free),
            ("size", "Its size.", disk.size),
            ("least", "Below so much no hub is begun with.", disk.least),
        ):
            yield GaugeMetricFamily(f"reflash_disk_{name}_bytes", what, value)
    certificates = GaugeMetricFamily(
        "reflash_certificate_end_timestamp_seconds", "When it ends.", labels=["certificate"]
    )
    unreadable = GaugeMetricFamily(
        "reflash_certificate_unreadable", "1 for one whose end is not known.", labels=["certificate"]
    )
    for each in health.certificates:
        unreadable.add_metric([each.name], int(each.ends is None))
        if each.ends is not None:
            certificates.add_metric([each.name], each.ends.timestamp())
    yield certificates
    yield unreadable
    if (backup := health.backup) is not None:
        yield GaugeMetricFamily(
            "reflash_backup_failed", "Whether the last one failed.", int(backup.memory.failed is not None)
        )
        made = backup.memory.verified
        yield GaugeMetricFamily(
            "reflash_backup_verified_timestamp_seconds",
            "Of when the newest verified one is; 0 for none yet.",
            0 if made is None else made.at.timestamp(),
        )
        yield GaugeMetricFamily(
            "reflash_backup_overdue_seconds", "How old it may be.", backup.overdue_seconds
        )


def _ever(counted: ResultsCounted) -> Iterator[Metric]:
    labels = ["jig", "slot", "outcome"]
    results = CounterMetricFamily("reflash_results", "Results of hubs.", labels=labels)
    seconds = CounterMetricFamily("reflash_work_seconds", "Time that hubs were worked on.", labels=labels)
    for each in counted.results:
        values = [each.jig, str(each.slot), each.outcome.value]
        results.add_metric(values, each.results)
        seconds.add_metric(values, each.work_seconds)
    yield results
    yield seconds
    faults = CounterMetricFamily(
        "reflash_result_faults", "Results by what went wrong.", labels=["stage", "code"]
    )
    for fault in counted.faults:
        faults.add_metric([fault.stage.value, fault.code.value], fault.results)
    yield faults
    if counted.as_of is not None:
        yield GaugeMetricFamily(
            "reflash_reports_newest_timestamp_seconds",
            "When the newest fact was recorded that these counts know of.",
            counted.as_of.timestamp(),
        )
