"""The caches of a private mongod and of a server process, by the memory that there is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fhirserver.store import memory

GB = 2**30


@pytest.mark.parametrize(
    ("physical", "limits", "expected"),
    [
        (2 * GB, [], 512),
        (8 * GB, [], 1024),
        (64 * GB, [], 2048),
        (64 * GB, [b"max\n"], 2048),
        (64 * GB, [str(6 * GB).encode()], 768),
        (64 * GB, [b"max", str(GB).encode()], 512),
        (64 * GB, [b"9223372036854771712\n"], 2048),
        (6 * GB, [str(64 * GB).encode()], 768),
    ],
)
def test_the_cache_is_a_share_of_what_a_container_or_the_machine_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, physical: int, limits: list[bytes], expected: int
) -> None:
    sizes = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": physical // 4096}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)
    files = [tmp_path / str(number) for number in range(len(limits))]
    for file, said in zip(files, limits, strict=True):
        file.write_bytes(said)
    assert memory.PAGES.mb([*files, tmp_path / "absent"]) == expected


def test_where_the_system_does_not_tell_its_memory_the_cache_is_the_least(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr(os, "sysconf")
    assert memory.PAGES.mb([tmp_path / "absent"]) == memory.PAGES.least


def test_here_it_is_within_its_bounds() -> None:
    assert memory.PAGES.least <= memory.PAGES.mb() <= memory.PAGES.most


@pytest.mark.parametrize(("physical", "expected"), [(GB, 64), (4 * GB, 128), (8 * GB, 256), (64 * GB, 256)])
def test_the_versions_ready_to_send_take_a_share_too(
    monkeypatch: pytest.MonkeyPatch, physical: int, expected: int
) -> None:
    sizes = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": physical // 4096}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)
    assert memory.VERSIONS.mb([]) == expected
