"""How much memory caches may take where nobody says: a share of what there is.

https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""What a container may use, in either version of control groups."""

_MB = 2**20


@dataclass(frozen=True, slots=True)
class Share:
    """A cache of one part in `part` of the memory, at least `least` and at most `most` MB."""

    part: int
    least: int
    most: int

    def mb(self, limits: Iterable[Path] | None = None) -> int:
        """MB of the cache; the least where the system does not tell its memory."""
        known = [
            size for size in (_physical(), *map(_limit, _LIMITS if limits is None else limits)) if size is not None
        ]
        return min(self.most, max(self.least, min(known, default=0) // self.part // _MB))


PAGES = Share(8, 512, 2048)
"""Of a private mongod, for its pages."""

VERSIONS = Share(32, 64, 256)
"""Of a server process, for versions ready to send."""


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
