"""What becomes of records: lines in the log and counts in the metrics, those of many requests at once.

One that is counted and logged by itself pays for cold code, a fifth of what a read takes; in a row they cost a tenth of
that.
"""

from __future__ import annotations

import asyncio

from fhirserver.web.logs import log_requests
from fhirserver.web.metrics import Metrics
from fhirserver.web.record import Done, Record

LATER_S = 0.05


class Ledger:
    """The requests under way and those that are over and not yet written."""

    def __init__(self, metrics: Metrics | None) -> None:
        self._metrics = metrics
        self._under_way = 0
        self._done: list[Done] = []
        self._timer: asyncio.TimerHandle | None = None

    def opened(self) -> None:
        """A request begins."""
        self._under_way += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LATER_S, self.write)

    def closed(self, record: Record) -> None:
        """A request is over; what failed is written at once."""
        self._under_way -= 1
        self._done.append(record.done())
        if record.status >= 500:
            self.write()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LATER_S, self.write)

    def write(self) -> None:
        """Counts and logs what is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        done, self._done = self._done, []
        log_requests(done)
        if self._metrics:
            self._metrics.observe(done, self._under_way)
