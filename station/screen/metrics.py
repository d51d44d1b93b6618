"""What Prometheus asks for: the bench as numbers in base units. No hub, order or person is in a label: they would grow without end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from station.desk.bench_requests import BenchNews
from station.desk.count_requests import ResultsCounted
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


def _of_now(news: BenchNews, slots: Iterable[SlotView]) -> Iterator[Metric]:
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
    yield GaugeMetricFamily("reflash_people_signed_on", "Sign-ons at jigs and the bench.", len(news.people))


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
