"""What a run of `python -m bench.search` found: the aims with a tick or a cross, and the searches that miss one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import median
from typing import TYPE_CHECKING

from bench.search_data import TYPES, Sizes
from bench.search_load import Built

if TYPE_CHECKING:
    from bench.search import Result, Row

MOST = 40
"""Searches that miss an aim which are named."""


def building(size: int, sizes: Sizes, built: Built) -> str:
    """A line for each type: resources, time to write and to index, bytes of indexes for each resource."""
    lines = [f"{size:,} resources:"]
    for type_ in TYPES:
        count, each = sizes.counts[type_], built.index_bytes[type_]
        parts = ", ".join(f"{name} {taken / count:,.0f}" for name, taken in each.items())
        times = f"written in {built.write_s[type_]:7.1f} s, indexed in {built.index_s[type_]:6.1f} s"
        bytes_ = f"data {built.data_bytes[type_] / count:,.0f}, indexes {sum(each.values()) / count:,.0f} ({parts})"
        lines.append(f"  {type_:<16} {count:>9,}  {times}; bytes a resource: {bytes_}")
    return "\n".join(lines)


def summary(result: Result) -> str:
    """All of it."""
    done = [row for row in result.rows if row.cost.refused is None]
    refused = [row for row in result.rows + result.sorts if row.cost.refused is not None]
    lines = [
        "",
        *_by_kind(done),
        "",
        _aim(
            f"keys examined are at most 20 times the matches, in {result.large:,}",
            done,
            lambda row: row.cost.cheap,
            lambda row: f"{row.cost.keys:,} keys, {row.cost.documents:,} documents for {row.cost.returned}",
        ),
        _aim(
            f"the median latency in {result.large:,} is at most twice that in {result.small:,}",
            done,
            lambda row: row.ratio <= 2,
            lambda row: f"{row.small_ms:.1f} ms → {row.large_ms:.1f} ms",
        ),
        _aim(
            "every _sort reads an index in its order",
            [row for row in result.sorts if row.cost.refused is None],
            lambda row: row.cost.cheap and not row.cost.sorts,
            lambda row: (
                f"{row.cost.keys:,} keys for {row.cost.returned}, {row.large_ms:.1f} ms: {'; '.join(row.cost.plans)}"
            ),
        ),
        *_deep(result),
        *_wide(result),
    ]
    if refused:
        costly = sum(_says_costly(row) for row in refused)
        lines.append(f"{_mark(costly == len(refused))} {len(refused)} searches are refused, {costly} as too-costly:")
        lines += [f"    {row.query.path}: {row.cost.refused}" for row in refused[:MOST]]
    return "\n".join(lines)


def met(result: Result) -> bool:
    """Whether every aim is met."""
    done = [row for row in result.rows if row.cost.refused is None]
    refused = [row for row in result.rows + result.sorts if row.cost.refused is not None]
    return (
        all(_says_costly(row) for row in refused)
        and all(row.cost.cheap and row.ratio <= 2 for row in done)
        and all(row.cost.cheap and not row.cost.sorts for row in result.sorts if row.cost.refused is None)
        and all(one.last_ms <= 1.5 * one.first_ms for one in result.deep)
        and all(_is_answered(one.status, one.said) for one in result.wide)
    )


def _by_kind(rows: list[Row]) -> list[str]:
    lines = [
        f"{'type':<16} {'kind':<10} {'searches':>8} {'keys/match':>10} {'small ms':>9} {'large ms':>9} {'ratio':>6}"
    ]
    for type_ in TYPES:
        for kind in sorted({row.query.kind for row in rows if row.query.type == type_}):
            some = [row for row in rows if row.query.type == type_ and row.query.kind == kind]
            keys = median(row.cost.keys / max(1, row.cost.returned) for row in some)
            small, large = median(row.small_ms for row in some), median(row.large_ms for row in some)
            ratio = median(row.ratio for row in some)
            lines.append(
                f"{type_:<16} {kind:<10} {len(some):>8} {keys:>10.1f} {small:>9.1f} {large:>9.1f} {ratio:>6.2f}"
            )
    return lines


def _aim(aim: str, rows: list[Row], holds: Callable[[Row], bool], said: Callable[[Row], str]) -> str:
    missed = [row for row in rows if not holds(row)]
    lines = [f"{_mark(not missed)} {aim}: {len(rows) - len(missed)} of {len(rows)}"]
    lines += [f"    {row.query.path}: {said(row)}" for row in missed[:MOST]]
    if len(missed) > MOST:
        lines.append(f"    and {len(missed) - MOST} more")
    return "\n".join(lines)


def _deep(result: Result) -> Iterable[str]:
    if not result.deep:
        return
    late = [one for one in result.deep if one.last_ms > 1.5 * one.first_ms]
    yield f"{_mark(not late)} page 1,000 takes at most 1.5 times as long as page 1:"
    for one in result.deep:
        mark = _mark(one not in late)
        yield f"    {mark} {one.path}: page 1 {one.first_ms:.1f} ms, page {one.pages:,} {one.last_ms:.1f} ms"


def _wide(result: Result) -> Iterable[str]:
    if not result.wide:
        return
    yield f"{_mark(all(_is_answered(one.status, one.said) for one in result.wide))} chains and _has that lead far:"
    for one in result.wide:
        yield (
            f"    {_mark(_is_answered(one.status, one.said))} {one.path}: {one.status} {one.said[:160]} "
            f"({one.milliseconds:,.0f} ms, {one.memory_mb:,.0f} MB at most)"
        )


def _is_answered(status: int, said: str) -> bool:
    """Whether a search was answered, or said that it is too costly and what to do."""
    return status == 200 or (status == 422 and said.startswith("too-costly"))


def _says_costly(row: Row) -> bool:
    """Whether a search is refused because no index answers it in a store so large."""
    return (row.cost.refused or "").startswith("too-costly")


def _mark(holds: bool) -> str:
    return "✓" if holds else "✗"
