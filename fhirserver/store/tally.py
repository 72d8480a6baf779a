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
    """Seconds in which at least one operation of the store was under way, and how many operations there were."""

    __slots__ = ("_began", "_open", "operations", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self.operations = 0
        self._open = 0
        self._began = 0.0

    def begin(self) -> None:
        """An operation starts; one within another, or beside it, adds no time of its own."""
        self._open += 1
        if self._open == 1:
            self.operations += 1
            self._began = time.perf_counter()

    def end(self) -> None:
        """An operation is over."""
        self._open -= 1
        if self._open == 0:
            self.seconds += time.perf_counter() - self._began


class Operation:
    """One operation of the store as a context: timed, and its driver errors told as FhirError kinds if `translates`."""

    __slots__ = ("_tally", "_translates")

    def __init__(self, translates: bool) -> None:
        self._translates = translates

    def __enter__(self) -> None:
        self._tally = CURRENT.get()
        if self._tally is not None:
            self._tally.begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._tally is not None:
            self._tally.end()
        if self._translates and isinstance(error, Exception):
            refusal = refusal_for(error)
            if refusal is not None:
                raise refusal from error
