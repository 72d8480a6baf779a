"""How much memory a private mongod's cache may take where nobody says: a share of what there is.

https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

SHARE = 8
"""The cache is one part in so many of the memory."""

LEAST, MOST = 512, 2048
"""MB of the cache, whatever the memory."""

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""What a container may use, in either version of control groups."""

_MB = 2**20


def cache_mb(limits: Iterable[Path] = _LIMITS) -> int:
    """MB of a cache; the least where the system does not tell its memory."""
    known = [size for size in (_physical(), *map(_limit, limits)) if size is not None]
    return min(MOST, max(LEAST, min(known, default=0) // SHARE // _MB))


def _physical() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def _limit(file: Path) -> int | None:
    try:
        said = file.read_text().strip()
    except OSError:
        return None
    return int(said) if said.isdecimal() else None
