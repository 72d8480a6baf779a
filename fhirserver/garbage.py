"""Python's search for cycles among objects, made rarer: nearly all objects of a request are freed without it.

https://docs.python.org/3/library/gc.html
"""

from __future__ import annotations

import gc

YOUNG = 20_000
"""Objects that may be added before the youngest are searched for cycles: some tens of requests."""


def settle(young: int = YOUNG) -> None:
    """Takes what is loaded by now out of the rounds of the garbage collector, and lets it go round less often.

    A request makes thousands of objects, nearly all freed by their reference counts: looking for cycles among them
    again and again would take a tenth of the time, and a fifth of that of an import, whose objects live longer.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(young, 10, 20)
