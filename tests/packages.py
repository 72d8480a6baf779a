"""Packages of npm for tests: HL7's examples and definitions, and clients that others wrote.

HL7's are looked for in the directory that FHIRSERVER_TEST_PACKAGES names (else .cache/packages), unpacked as
<name>-<version>/, and fetched there with `npm pack` when npm is at hand; without them such tests are skipped.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhirserver import fhirjson
from fhirserver.resources.registry import Release

EXAMPLES: dict[Release, str] = {"R5": "hl7.fhir.r5.examples-5.0.0", "R4": "hl7.fhir.r4.examples-4.0.1"}
CACHE = Path(__file__).parent.parent / ".cache"
ROOT = Path(os.environ.get("FHIRSERVER_TEST_PACKAGES", CACHE / "packages"))


def package(folder: str) -> Path:
    """The directory of a package ('hl7.fhir.r5.core-5.0.0'); skips the test when it cannot be had."""
    target = ROOT / folder
    if target.is_dir():
        return target
    name, version = folder.rsplit("-", 1)
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"{folder} is not in {ROOT} and npm is not installed to fetch it")
    ROOT.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(
            [npm, "pack", "--silent", f"{name}@{version}"], cwd=ROOT, check=True, capture_output=True, timeout=300
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"{folder} is not in {ROOT} and npm could not fetch it: {error}")
    partial = ROOT / f".{folder}.{os.getpid()}"
    with tarfile.open(ROOT / f"{folder}.tgz") as tar:
        tar.extractall(partial, filter="data")
    inner = partial / "package"
    _move(inner if inner.is_dir() else partial, target)
    shutil.rmtree(partial, ignore_errors=True)
    return target


def node_modules(source: Path) -> Path:
    """A directory where the packages that package-lock.json in `source` names are installed; skips without them."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed")
    files = [source / name for name in ("package.json", "package-lock.json")]
    target = CACHE / "node" / hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    if target.is_dir():
        return target
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    partial.mkdir(parents=True)
    for file in files:
        shutil.copy(file, partial)
    command = [npm, "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        subprocess.run(command, cwd=partial, check=True, capture_output=True, timeout=300)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        shutil.rmtree(partial)
        pytest.skip(f"npm could not install the packages of {source.name}: {error}")
    _move(partial, target)
    return target


def _move(partial: Path, target: Path) -> None:
    try:
        partial.rename(target)
    except OSError:
        if not target.is_dir():  # another worker may have been first
            raise
        shutil.rmtree(partial)


def spread(package_: str, step: int) -> list[Path]:
    """The example files of a package, every `step`-th of each type so that all types are among them."""
    seen: dict[str, int] = {}
    found = []
    for path in sorted(package(package_).rglob("*.json")):
        kind = path.name.split("-", 1)[0]
        if path.name.startswith((".", "package")):
            continue
        seen[kind] = seen.get(kind, 0) + 1
        if (seen[kind] - 1) % step == 0:
            found.append(path)
    return found


def examples(release: Release, step: int = 1) -> Iterator[tuple[str, dict[str, Any]]]:
    """(file name, resource) of the official examples, every `step`-th of each type so that all are among them."""
    for path in spread(EXAMPLES[release], step):
        resource = fhirjson.loads(path.read_bytes())
        if isinstance(resource, dict) and "resourceType" in resource:
            yield path.name, resource
