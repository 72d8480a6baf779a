"""Measures works on both servers by turns, so that what slows the machine slows both."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field, replace
from itertools import islice
from random import Random
from statistics import median

from bench import client, writes
from bench.client import Ask, Timing
from bench.data import SEED, Data
from bench.servers import HOST, Running
from bench.works import Work

WARM_UP = 0.2
"""Requests before the first round that are not counted, as a share of a round."""
LOADERS = 4


@dataclass
class Side:
    """One server's rounds: resources or requests a second, and its processor time for one of them, in seconds."""

    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    """What a work's rounds gave, and the generator's share of a processor in each."""

    work: str
    target: float | None
    at_least: float | None
    reference: Side = field(default_factory=Side)
    ours: Side = field(default_factory=Side)
    generator: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios: the two sides of a round saw the same machine."""
        return median(ours / floor for ours, floor in zip(self.ours.rates, self.reference.rates, strict=True))

    @property
    def cost_ratio(self) -> float | None:
        """The floor's processor time over ours: what the ratio would be if nothing but the two processes counted."""
        if not all([*self.ours.costs, *self.reference.costs]) or not self.reference.costs:
            return None
        return median(floor / ours for ours, floor in zip(self.ours.costs, self.reference.costs, strict=True))

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is not None:
            return self.ratio >= self.target
        return None if self.at_least is None else median(self.ours.rates) >= self.at_least


def load(data: Data, server: Running) -> dict[str, float]:
    """Stores the data set through the server's own transactions; resources a second, by type."""
    return {
        type: number / client.run(HOST, server.port, asks, LOADERS).seconds
        for type, number, asks in writes.seeding(data)
    }


def rounds(work: Work, data: Data, pair: tuple[Running, Running], count: int, requests: int) -> Result:
    """The result of a work: `pair` is the floor and our server, or of a work of another release our server twice."""
    if work.release is not None:
        pair = (replace(pair[1], base="r5"), replace(pair[1], base=work.release))
    result = Result(work.name, work.target, work.at_least)
    number = max(work.connections, round(requests * work.share))
    for at in range(-1, count):
        share = number if at >= 0 else max(work.connections, round(number * WARM_UP))
        # The floor goes first in one round and last in the next: neither has the other's leftovers always.
        for server in pair if at % 2 == 0 else reversed(pair):
            before = server.processor_time()
            timing = _turn(work, data, server, at, share)
            if at >= 0:
                side = result.reference if server is pair[0] else result.ours
                side.rates.append(timing.rate * work.unit)
                side.costs.append((server.processor_time() - before) / timing.requests / work.unit)
                result.generator.append(timing.busy / timing.seconds)
    return result


def _turn(work: Work, data: Data, server: Running, at: int, number: int) -> Timing:
    """One run; both servers get the same requests."""
    asks = take(work, data, at, number)
    gc.collect()
    gc.disable()
    try:
        return client.run(HOST, server.port, [_at(server, each) for each in asks], work.connections)
    finally:
        gc.enable()


def _at(server: Running, ask: Ask) -> Ask:
    return ask if server.base == "r5" else replace(ask, path=ask.path.replace("/r5/", f"/{server.base}/", 1))


def take(work: Work, data: Data, at: int, number: int) -> list[Ask]:
    """So many requests of a work, equal for equal rounds."""
    rng = Random(f"{SEED} {work.name} {at}")
    return list(islice(work.asks(data, rng, at), number))
