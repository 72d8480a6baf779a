"""How long a request was busy with the store: whoever wants to know opens a tally, every operation adds to it.

The driver's own listeners tell the same, but cost a read a tenth of its time.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from types import TracebackType

from fhirserver.store.failures import refusal_for

CURRENT: ContextVar[Tally | None] = ContextVar("tally", default=None)


class Tally:
    """Seconds in which at least one operation of the store was under way, and how many operations there were.

    An operation within another, or beside it, adds no time of its own.
    """

    # Defaults of the class: one is made for each request, and most are never changed.
    seconds = 0.0
    operations = 0
    under_way = 0
    began_at = 0.0


class Operation:
    """One operation of the store as a context: timed, and its driver errors told as FhirError kinds if `translates`."""

    __slots__ = ("_tally", "_translates")

    def __init__(self, translates: bool) -> None:
        self._translates = translates

    def __enter__(self) -> None:
        self._tally = tally = CURRENT.get()
        if tally is not None:
            tally.under_way += 1
            if tally.under_way == 1:
                tally.operations += 1
                tally.began_at = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        tally = self._tally
        if tally is not None:
            tally.under_way -= 1
            if tally.under_way == 0:
                tally.seconds += time.perf_counter() - tally.began_at
        if self._translates and isinstance(error, Exception):
            refusal = refusal_for(error)
            if refusal is not None:
                raise refusal from error
