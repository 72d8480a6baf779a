"""What Prometheus collects at /metrics: requests, their latency, the database's share of it, the cache, the process.

https://prometheus.io/docs/practices/naming/, https://prometheus.github.io/client_python/multiprocess/

Labels are names from closed sets, so that neither a client's data nor its inventions become time series.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fhirserver import __version__
from fhirserver.store.cache import Cache
from fhirserver.web.record import Done
from fhirserver.web.workers import SHARED, all_workers

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Upper ends in seconds: reads take milliseconds, transactions of thousands of entries half a minute."""

OPENMETRICS = "application/openmetrics-text"


@dataclass(frozen=True, slots=True)
class _Series:
    """The series that a request adds to, kept because finding them costs more than adding."""

    requests: Counter
    seconds: Histogram
    database_seconds: Counter
    database_operations: Counter
    bytes: Counter


class Metrics:
    """The metrics of one application."""

    def __init__(self, cache: Callable[[], Cache]) -> None:
        self.registry = CollectorRegistry()
        self._cache = cache
        self._series: dict[tuple[str, str, int], _Series] = {}
        self._counted = (0, 0, 0)
        own = self.registry
        names = ("interaction", "type", "status")
        self._in_flight = Gauge(
            "fhirserver_requests_in_flight", "Requests being answered", registry=own, multiprocess_mode="livesum"
        )
        self._requests = Counter("fhirserver_requests", "Requests answered", names, registry=own)
        self._seconds = Histogram(
            "fhirserver_request_seconds", "Time to answer", ("interaction",), buckets=BUCKETS, registry=own
        )
        self._bytes = Counter("fhirserver_response_bytes", "Bytes of bodies sent", ("interaction",), registry=own)
        self._database_seconds = Counter(
            "fhirserver_database_seconds", "Time in operations of the store", ("interaction",), registry=own
        )
        self._database_operations = Counter(
            "fhirserver_database_operations", "Operations of the store", ("interaction",), registry=own
        )
        self._hits = Counter("fhirserver_cache_hits", "Versions found in memory", registry=own)
        self._misses = Counter("fhirserver_cache_misses", "Versions not found in memory", registry=own)
        self._cache_bytes = Gauge(
            "fhirserver_cache_bytes", "Memory of cached versions", registry=own, multiprocess_mode="livesum"
        )
        self._cache_versions = Gauge(
            "fhirserver_cache_versions", "Versions in memory", registry=own, multiprocess_mode="livesum"
        )
        build = Gauge(
            "fhirserver_build_info",
            "What runs here",
            ("version", "python"),
            registry=own,
            multiprocess_mode="max",
        )
        build.labels(__version__, platform.python_version()).set(1)
        if not SHARED:
            ProcessCollector(registry=own)

    def observe(self, done: Iterable[Done], under_way: int) -> None:
        """Counts requests that are over; so many others are being answered."""
        alike: dict[tuple[str, str, int], list[Done]] = {}
        for each in done:
            alike.setdefault((each.interaction, each.type, each.status), []).append(each)
        for key, some in alike.items():
            series = self._series.get(key)
            if series is None:
                series = self._series[key] = self._new(*key)
            for each in some:
                series.seconds.observe(each.took)
            series.requests.inc(len(some))
            series.bytes.inc(sum([each.size for each in some]))
            series.database_seconds.inc(sum([each.database for each in some]))
            series.database_operations.inc(sum([each.operations for each in some]))
        self._in_flight.set(under_way)
        self._look_at_cache()

    def _new(self, interaction: str, type: str, status: int) -> _Series:
        return _Series(
            self._requests.labels(interaction, type, status),
            self._seconds.labels(interaction),
            self._database_seconds.labels(interaction),
            self._database_operations.labels(interaction),
            self._bytes.labels(interaction),
        )

    def _look_at_cache(self) -> None:
        cache = self._cache()
        hits, misses, size = self._counted
        if cache.hits != hits:
            self._hits.inc(cache.hits - hits)
        if cache.misses != misses:
            self._misses.inc(cache.misses - misses)
        if cache.size != size:
            self._cache_bytes.set(cache.size)
            self._cache_versions.set(len(cache))
        self._counted = (cache.hits, cache.misses, cache.size)

    def routes(self, write: Callable[[], None]) -> list[Route]:
        """/metrics, in the text format that the collector asks for; `write` brings the counts up to date."""

        async def metrics(request: Request) -> Response:
            write()
            # The library reads versions and escapings too, and stumbles over those that make no sense.
            wanted = OPENMETRICS if OPENMETRICS in request.headers.get("accept", "") else ""
            encoder, content_type = choose_encoder(wanted)
            body = await run_in_threadpool(lambda: encoder(all_workers() if SHARED else self.registry))
            return Response(body, media_type=content_type)

        return [Route("/metrics", metrics)]
