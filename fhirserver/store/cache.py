"""The versions most recently used, ready to send; a version never changes, so nothing is ever invalidated."""

from __future__ import annotations

from collections import OrderedDict

from fhirserver.store.documents import Version

_OVERHEAD = 600
"""Bytes an entry takes besides its body: the Version, its strings, keys and places in two tables."""


class Cache:
    """At most `limit` bytes of versions, the least recently used given up first; `limit` 0 keeps none."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.hits = 0
        self.misses = 0
        self._versions: OrderedDict[tuple[str, str, int], Version] = OrderedDict()
        # The newest version of each resource that is kept: a hint of what is current, never the truth.
        self._newest: dict[tuple[str, str], int] = {}

    def __len__(self) -> int:
        return len(self._versions)

    def get(self, type: str, id: str, version: int) -> Version | None:
        """The version, if it is kept."""
        key = (type, id, version)
        found = self._versions.get(key)
        if found is None:
            self.misses += 1
        else:
            self.hits += 1
            self._versions.move_to_end(key)
        return found

    def newest(self, type: str, id: str) -> Version | None:
        """The newest version that is kept: probably the current one. A look that counts neither as hit nor as miss."""
        version = self._newest.get((type, id))
        if version is None:
            return None
        key = (type, id, version)
        self._versions.move_to_end(key)
        return self._versions[key]

    def form(self, version: Version, name: str) -> Version | None:
        """Another form of a version, such as that of another release, if that is kept."""
        return self.get(f"{version.type} {name}", version.id, version.version)

    def put_form(self, version: Version, name: str, form: Version) -> Version:
        """Keeps another form of a version, where the version itself is kept: then it is committed.

        What a transaction reads of its own writes may never come to be, and another version have its number.
        """
        if self._versions.get((version.type, version.id, version.version)) is version:
            self._put((f"{form.type} {name}", form.id, form.version), form)
        return form

    def put(self, version: Version) -> None:
        """Keeps a version that is known to be committed."""
        self._put((version.type, version.id, version.version), version)

    def _put(self, key: tuple[str, str, int], version: Version) -> None:
        cost = len(version.body) + _OVERHEAD
        if cost > self.limit:
            return
        before = self._versions.pop(key, None)
        if before is not None:
            self.size -= len(before.body) + _OVERHEAD
        self._versions[key] = version
        self.size += cost
        if version.version >= self._newest.get(key[:2], 0):
            self._newest[key[:2]] = version.version
        while self.size > self.limit:
            old, given_up = self._versions.popitem(last=False)
            self.size -= len(given_up.body) + _OVERHEAD
            if self._newest.get(old[:2]) == old[2]:
                del self._newest[old[:2]]
