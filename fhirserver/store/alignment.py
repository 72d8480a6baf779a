"""Which members of a list stay when another list takes its place, and where the new ones stand between them."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Alignment:
    """`removed` are indexes of the old list; `added` indexes of the new list with their order numbers."""

    removed: list[int]
    added: list[tuple[int, float]]
    next: float


def align(old: list[bytes], orders: list[float], new: list[bytes], following: float) -> Alignment:
    """Keeps a longest run of equal members in order; `orders` ascend, `following` is above every order ever given."""
    kept = _kept(old, new)
    added: list[tuple[int, float]] = []
    count = 0
    begin = 0
    left: float | None = None
    for new_at, old_at in kept:
        right = orders[old_at]
        places = _between(left, right, new_at - begin)
        if places is None:
            break  # no number fits between: what follows is numbered anew
        added += zip(range(begin, new_at), places, strict=True)
        begin, left = new_at + 1, right
        count += 1
    for index in range(begin, len(new)):
        added.append((index, following))
        following += 1
    stay = {old_at for _, old_at in kept[:count]}
    return Alignment([i for i in range(len(old)) if i not in stay], added, following)


def _between(left: float | None, right: float, number: int) -> list[float] | None:
    if left is None:
        return [right - number + i for i in range(number)]
    step = (right - left) / (number + 1)
    places = [left + step * (i + 1) for i in range(number)]
    rising = [left, *places, right]
    return places if all(a < b for a, b in pairwise(rising)) else None


def _kept(old: list[bytes], new: list[bytes]) -> list[tuple[int, int]]:
    """Pairs (index in new, index in old) of equal members, both ascending: the longest such run, by patience."""
    places: dict[bytes, deque[int]] = defaultdict(deque)
    for index, item in enumerate(old):
        places[item].append(index)
    pairs = [(index, places[item].popleft()) for index, item in enumerate(new) if places.get(item)]
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for position, (_, old_at) in enumerate(pairs):
        pile = bisect_left(tails, old_at)
        before.append(ends[pile - 1] if pile else -1)
        if pile == len(tails):
            tails.append(old_at)
            ends.append(position)
        else:
            tails[pile] = old_at
            ends[pile] = position
    run = []
    at = ends[-1] if ends else -1
    while at >= 0:
        run.append(pairs[at])
        at = before[at]
    return run[::-1]
