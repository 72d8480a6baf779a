"""A server of its own process, for clients that others wrote."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.running import serving


@pytest.fixture(scope="package")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The R5 base of an empty server that the tests of this folder share."""
    with serving(tmp_path_factory.mktemp("clients") / "data") as server:
        yield server.url


@pytest.fixture
def system(request: pytest.FixtureRequest) -> str:
    """A system of identifiers that only this test uses."""
    return f"urn:example:{request.node.name.encode().hex()}"
